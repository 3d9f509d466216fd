-- The journal as its own outbox: transactions between two snapshots, shard by shard.

-- name: journal_start$
-- The lowest id that `until` sees and `since` does not: what began after `since`, or was under way then.
select min(id) from postings
where shard = :shard and ordinal = 0
  and (xid >= pg_snapshot_xmax(:since::text::pg_snapshot)
       or xid = any(array(select pg_snapshot_xip(:since::text::pg_snapshot))))
  and pg_visible_in_snapshot(xid, (select :until::text::pg_snapshot));

-- name: journal_page
select p.id, t.program, t.kind, t.postings, t.record_time
from postings p
join transactions t on t.shard = p.shard and t.id = p.id
where p.shard = :shard and p.id > :after and p.ordinal = 0
  and not pg_visible_in_snapshot(p.xid, (select :since::text::pg_snapshot))
  and pg_visible_in_snapshot(p.xid, (select :until::text::pg_snapshot))
order by p.id
limit :most;

-- name: journal_postings
select id, ordinal, source, destination, amount, source_version, destination_version
from postings
where shard = :shard and id >= :first and id < :last
order by id;
