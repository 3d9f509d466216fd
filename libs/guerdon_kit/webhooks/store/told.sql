-- name: tell_owners!
-- Keeps events for those they concern, in their order, and has them sent to those with an endpoint that takes webhooks.
-- One that comes again is known by its id.
with told as (
    insert into told_events (owner, event_id, type, time, record_time, payload)
    select told.owner, told.event_id, told.type, told.time, :now, told.payload
    from
        unnest(:owners::text[], :event_ids::uuid[], :types::text[], :times::timestamptz[], :payloads::text[])
        with ordinality as told (owner, event_id, type, time, payload, place)
    order by told.place
    on conflict do nothing
    returning id, owner
)
insert into webhook_deliveries (owner, event, due_time)
select told.owner, told.id, :now
from told join webhook_endpoints on webhook_endpoints.owner = told.owner
where webhook_endpoints.state = 'ENABLED'
on conflict do nothing;

-- name: newest_event$
select coalesce(max(id), 0) from told_events;

-- name: told_after
-- Those who were told something after an event, each with the last of it.
select owner, max(id) as id from told_events where id > :after group by owner;

-- name: prune_told_events!
-- What became of their webhooks goes with them.
delete from told_events where id in (
    select id from told_events where record_time < :before order by record_time limit :most
);
