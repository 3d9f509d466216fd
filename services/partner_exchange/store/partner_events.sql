-- name: tell_partners!
-- Keeps events for those they concern, in their order, and has them sent to those with an endpoint that takes webhooks.
-- One that comes again is known by its id.
with told as (
    insert into partner_events (partner, event_id, type, time, record_time, payload)
    select told.partner, told.event_id, told.type, told.time, :now, told.payload
    from
        unnest(:partners::text[], :event_ids::uuid[], :types::text[], :times::timestamptz[], :payloads::text[])
        with ordinality as told (partner, event_id, type, time, payload, place)
    order by told.place
    on conflict do nothing
    returning id, partner
)
insert into webhook_deliveries (partner, event, due_time)
select told.partner, told.id, :now
from told join webhook_endpoints on webhook_endpoints.partner = told.partner
where webhook_endpoints.state = 'ENABLED'
on conflict do nothing;

-- name: events_after
select id, event_id, type, time, payload
from partner_events
where partner = :partner and id > :after
order by id
limit :most;

-- name: newest_event$
select coalesce(max(id), 0) from partner_events;

-- name: told_after
-- The partners that were told something after an event, each with the last of it.
select partner, max(id) as id from partner_events where id > :after group by partner;

-- name: prune_partner_events!
-- What became of their webhooks goes with them.
delete from partner_events where id in (
    select id from partner_events where record_time < :before order by record_time limit :most
);
