-- name: lock_endpoint^
select
    owner, url, state, disable_reason, set_time,
    (select create_time from webhook_secrets where webhook_secrets.owner = webhook_endpoints.owner and end_time is null)
    as secret_create_time
from webhook_endpoints
where owner = :owner
for no key update;

-- name: find_endpoint^
select
    owner, url, state, disable_reason, set_time,
    (select create_time from webhook_secrets where webhook_secrets.owner = webhook_endpoints.owner and end_time is null)
    as secret_create_time
from webhook_endpoints
where owner = :owner;

-- name: set_endpoint$
-- Whether it was not there before.
insert into webhook_endpoints (owner, url, state, actor, set_time)
values (:owner, :url, 'ENABLED', :actor, :set_time)
on conflict (owner) do update
set
    url = excluded.url, state = 'ENABLED', disable_reason = null, actor = excluded.actor, set_time = excluded.set_time
returning not exists (select from webhook_secrets where webhook_secrets.owner = webhook_endpoints.owner);

-- name: disable_endpoint!
-- Only as it was set then: an address that was set meanwhile has not answered yet.
update webhook_endpoints set state = 'DISABLED', disable_reason = :reason
where owner = :owner and state = 'ENABLED' and set_time = :set_time;

-- name: end_webhook_secrets!
-- The current one goes on for a while; the one before it ends at once.
update webhook_secrets
set end_time = case when end_time is null then :end_time else :now end
where owner = :owner and (end_time is null or end_time > :now);

-- name: insert_webhook_secret$
insert into webhook_secrets (owner, version, key_id, sealed, create_time)
select :owner, coalesce(max(version), 0) + 1, :key_id, :sealed, :create_time
from webhook_secrets where owner = :owner
returning version;

-- name: list_webhook_secrets
-- Those that sign now, the newest first.
select version, key_id, sealed
from webhook_secrets
where owner = :owner and (end_time is null or end_time > :now)
order by version desc;

-- name: lock_ready_endpoints
-- Those with something due, each for one claim at a time; in no order, so that none with much to send is always first.
select owner from webhook_endpoints
where
    state = 'ENABLED'
    and exists (
        select from webhook_deliveries
        where webhook_deliveries.owner = webhook_endpoints.owner and due_time <= :now
    )
order by random()
limit :most
for no key update skip locked;

-- name: claim_deliveries
-- Of each endpoint what is due soonest, as far as its share of attempts at once allows; put off until the lease ends.
with due as (
    select delivery.owner, delivery.event
    from unnest(:owners::text[]) as ready (owner)
    cross join lateral (
        select webhook_deliveries.owner, event from webhook_deliveries
        where webhook_deliveries.owner = ready.owner and due_time <= :now
        order by due_time, event
        limit greatest(
            0,
            :share - (
                select count(*) from webhook_deliveries as busy
                where busy.owner = ready.owner and busy.due_time is not null and busy.lease_time > :now
            )
        )
    ) as delivery
    limit :most
)
update webhook_deliveries
set
    due_time = :lease_time, lease_time = :lease_time, attempts = attempts + 1, last_time = :now, last_status = null,
    last_failure = null
from due
where webhook_deliveries.owner = due.owner and webhook_deliveries.event = due.event
returning webhook_deliveries.owner, webhook_deliveries.event, webhook_deliveries.attempts;

-- name: find_webhook^
-- What is sent, where to.
select
    told_events.event_id, told_events.payload, webhook_endpoints.url, webhook_endpoints.set_time,
    webhook_endpoints.state
from webhook_deliveries
join told_events on told_events.id = webhook_deliveries.event
join webhook_endpoints on webhook_endpoints.owner = webhook_deliveries.owner
where webhook_deliveries.owner = :owner and webhook_deliveries.event = :event;

-- name: end_attempt!
-- Only of the attempt that it was: one that outlived its lease has been made again, and one asked for anew begins anew.
update webhook_deliveries
set state = :state, last_status = :status, last_failure = :failure, due_time = :due_time, lease_time = null
where owner = :owner and event = :event and attempts = :attempt and lease_time is not null;

-- name: give_back_attempt!
-- Nothing was sent.
update webhook_deliveries
set attempts = attempts - 1, due_time = :due_time, lease_time = null
where owner = :owner and event = :event and attempts = :attempt and lease_time is not null;

-- name: list_deliveries
select
    webhook_deliveries.event, event_id, type, time, state, attempts, last_time, last_status, last_failure, due_time
from webhook_deliveries join told_events on told_events.id = webhook_deliveries.event
where
    webhook_deliveries.owner = :owner and webhook_deliveries.event < :before
    and (:state::text is null or state = :state)
order by webhook_deliveries.event desc
limit :most;

-- name: events_to_replay
select id from told_events
where
    owner = :owner
    and (:from_time::timestamptz is null or time >= :from_time)
    and (:event_id::uuid is null or event_id = :event_id)
order by id
limit :most;

-- name: replay_deliveries!
insert into webhook_deliveries (owner, event, due_time)
select :owner, event, :now from unnest(:events::bigint[]) as event
on conflict (owner, event) do update
set
    state = 'PENDING', attempts = 0, due_time = excluded.due_time, lease_time = null, last_status = null,
    last_failure = null;
