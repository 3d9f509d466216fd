-- The journal as its own outbox: transactions between two snapshots, shard by shard.

-- name: journal_start$
-- The lowest id that `until` sees and `since` does not: what began after `since`, or was under way then.
select min(id - ordinal) from postings
where shard = :shard
  and (xid >= pg_snapshot_xmax(:since::text::pg_snapshot)
       or xid = any(array(select pg_snapshot_xip(:since::text::pg_snapshot))))
  and pg_visible_in_snapshot(xid, (select :until::text::pg_snapshot));

-- name: journal_page
-- Every shard that has a part of a transaction has a row of it; the part's first posting knows who wrote it.
select t.id, t.program, t.kind, t.postings, t.record_time
from transactions t
cross join lateral (
    select p.xid from postings p
    where p.shard = :shard and p.id >= t.id and p.id < t.id + t.postings
    order by p.id
    limit 1
) as part
where t.shard = :shard and t.id > :after
  and not pg_visible_in_snapshot(part.xid, (select :since::text::pg_snapshot))
  and pg_visible_in_snapshot(part.xid, (select :until::text::pg_snapshot))
order by t.id
limit :most;

-- name: journal_postings
select id, ordinal, source, destination, amount, source_version, destination_version
from postings
where shard = :shard and id >= :first and id < :last
order by id;
