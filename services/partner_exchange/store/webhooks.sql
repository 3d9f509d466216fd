-- name: lock_endpoint^
select
    partner, url, state, disable_reason, set_time,
    (select create_time from webhook_secrets where webhook_secrets.partner = webhook_endpoints.partner and end_time is null)
    as secret_create_time
from webhook_endpoints
where partner = :partner
for no key update;

-- name: find_endpoint^
select
    partner, url, state, disable_reason, set_time,
    (select create_time from webhook_secrets where webhook_secrets.partner = webhook_endpoints.partner and end_time is null)
    as secret_create_time
from webhook_endpoints
where partner = :partner;

-- name: set_endpoint$
-- Whether it was not there before.
insert into webhook_endpoints (partner, url, state, actor, set_time)
values (:partner, :url, 'ENABLED', :actor, :set_time)
on conflict (partner) do update
set
    url = excluded.url, state = 'ENABLED', disable_reason = null, actor = excluded.actor, set_time = excluded.set_time
returning not exists (select from webhook_secrets where webhook_secrets.partner = webhook_endpoints.partner);

-- name: disable_endpoint!
-- Only as it was set then: an address that was set meanwhile has not answered yet.
update webhook_endpoints set state = 'DISABLED', disable_reason = :reason
where partner = :partner and state = 'ENABLED' and set_time = :set_time;

-- name: end_webhook_secrets!
-- The current one goes on for a while; the one before it ends at once.
update webhook_secrets
set end_time = case when end_time is null then :end_time else :now end
where partner = :partner and (end_time is null or end_time > :now);

-- name: insert_webhook_secret$
insert into webhook_secrets (partner, version, key_id, sealed, create_time)
select :partner, coalesce(max(version), 0) + 1, :key_id, :sealed, :create_time
from webhook_secrets where partner = :partner
returning version;

-- name: list_webhook_secrets
-- Those that sign now, the newest first.
select version, key_id, sealed
from webhook_secrets
where partner = :partner and (end_time is null or end_time > :now)
order by version desc;

-- name: lock_ready_endpoints
-- Those with something due, each for one claim at a time; in no order, so that none with much to send is always first.
select partner from webhook_endpoints
where
    state = 'ENABLED'
    and exists (
        select from webhook_deliveries
        where webhook_deliveries.partner = webhook_endpoints.partner and due_time <= :now
    )
order by random()
limit :most
for no key update skip locked;

-- name: claim_deliveries
-- Of each endpoint what is due soonest, as far as its share of attempts at once allows; put off until the lease ends.
with due as (
    select delivery.partner, delivery.event
    from unnest(:partners::text[]) as ready (partner)
    cross join lateral (
        select webhook_deliveries.partner, event from webhook_deliveries
        where webhook_deliveries.partner = ready.partner and due_time <= :now
        order by due_time, event
        limit greatest(
            0,
            :share - (
                select count(*) from webhook_deliveries as busy
                where busy.partner = ready.partner and busy.due_time is not null and busy.lease_time > :now
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
where webhook_deliveries.partner = due.partner and webhook_deliveries.event = due.event
returning webhook_deliveries.partner, webhook_deliveries.event, webhook_deliveries.attempts;

-- name: find_webhook^
-- What is sent, where to.
select
    partner_events.event_id, partner_events.payload, webhook_endpoints.url, webhook_endpoints.set_time,
    webhook_endpoints.state
from webhook_deliveries
join partner_events on partner_events.id = webhook_deliveries.event
join webhook_endpoints on webhook_endpoints.partner = webhook_deliveries.partner
where webhook_deliveries.partner = :partner and webhook_deliveries.event = :event;

-- name: end_attempt!
-- Only of the attempt that it was: one that outlived its lease has been made again, and one asked for anew begins anew.
update webhook_deliveries
set state = :state, last_status = :status, last_failure = :failure, due_time = :due_time, lease_time = null
where partner = :partner and event = :event and attempts = :attempt and lease_time is not null;

-- name: give_back_attempt!
-- Nothing was sent.
update webhook_deliveries
set attempts = attempts - 1, due_time = :due_time, lease_time = null
where partner = :partner and event = :event and attempts = :attempt and lease_time is not null;

-- name: list_deliveries
select
    webhook_deliveries.event, event_id, type, time, state, attempts, last_time, last_status, last_failure, due_time
from webhook_deliveries join partner_events on partner_events.id = webhook_deliveries.event
where
    webhook_deliveries.partner = :partner and webhook_deliveries.event < :before
    and (:state::text is null or state = :state)
order by webhook_deliveries.event desc
limit :most;

-- name: events_to_replay
select id from partner_events
where
    partner = :partner
    and (:from_time::timestamptz is null or time >= :from_time)
    and (:event_id::uuid is null or event_id = :event_id)
order by id
limit :most;

-- name: replay_deliveries!
insert into webhook_deliveries (partner, event, due_time)
select :partner, event, :now from unnest(:events::bigint[]) as event
on conflict (partner, event) do update
set
    state = 'PENDING', attempts = 0, due_time = excluded.due_time, lease_time = null, last_status = null,
    last_failure = null;
