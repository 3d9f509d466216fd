-- The journal as its own outbox: transactions between two snapshots, shard by shard.

-- name: journal_bounds^
-- The lowest and the highest id that `until` sees and `since` does not: what began after `since`, or was under way then.
select min(id - ordinal) as first, max(id) as last from postings
where shard = :shard
  and (xid >= pg_snapshot_xmax(:since::text::pg_snapshot)
       or xid = any(array(select pg_snapshot_xip(:since::text::pg_snapshot))))
  and pg_visible_in_snapshot(xid, (select :until::text::pg_snapshot));

-- name: journal_page
-- All of a transaction that lies in a shard was written at once: its postings are seen together, or not at all.
select t.id, t.program, t.kind, t.record_time, p.source, p.destination, p.source_version, p.destination_version
from postings p
join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
where p.shard = :shard and p.id > :after and p.id - p.ordinal > :after and p.id <= :last
  and not pg_visible_in_snapshot(p.xid, (select :since::text::pg_snapshot))
  and pg_visible_in_snapshot(p.xid, (select :until::text::pg_snapshot))
order by p.id
limit :most;
