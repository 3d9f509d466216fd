-- name: publish_events!
-- One statement for any number of events: their ids follow the order of the arrays.
insert into outbox (type, subject, key, time, data)
select e.type, e.subject, e.key, e.time, e.data::jsonb
from unnest(:types::text[], :subjects::text[], :keys::text[], :times::timestamptz[], :data::text[])
    with ordinality as e (type, subject, key, time, data, place)
order by e.place;

-- name: interval_start$
-- The lowest id that `until` sees and `since` does not; null where there is none. What `since` does not see
-- is what began after it (xid at or above its xmax) or was under way (its xip): both through the index on
-- xid. Adding 0 keeps the planner from walking the primary key up from the oldest row instead.
select min(id + 0) from outbox
where (
    xid >= pg_snapshot_xmax(:since::text::pg_snapshot)
    or xid = any(array(select pg_snapshot_xip(:since::text::pg_snapshot)))
)
and pg_visible_in_snapshot(xid, (select :until::text::pg_snapshot));

-- name: interval_page
-- The rows of the interval after an id, in the order of ids. A snapshot in a subselect is read once, not
-- once for each row.
select id, event_id, type, subject, key, time, data from outbox
where id > :after
and not pg_visible_in_snapshot(xid, (select :since::text::pg_snapshot))
and pg_visible_in_snapshot(xid, (select :until::text::pg_snapshot))
order by id
limit :most;

-- name: prune_outbox!
-- Deletes what has been sent and is older than the stated time, by PostgreSQL's clock.
delete from outbox where id in (
    select o.id from outbox o, relay_positions p
    where p.source = :source
    and o.record_time < now() - :keep::interval
    and pg_visible_in_snapshot(o.xid, p.since)
    order by o.id
    limit :most
);
