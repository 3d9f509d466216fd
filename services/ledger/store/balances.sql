-- Balances as they are read, without locks.

-- name: account_states
select id, state, version, posted, held, pending, debt, available, earned, spent, record_time, valid_until
from accounts
where shard = :shard and id = any(:ids::bigint[]);

-- name: system_balance$
-- What the checkpoint says, and what came after the snapshot it was taken at: a numeric, for nothing bounds it.
select coalesce((select posted from checkpoints where shard = :shard and account = :account), 0)
     + coalesce((select sum(case when p.destination = :account then p.amount else -p.amount end)
                 from postings p
                 where p.shard = :shard and (p.source = :account or p.destination = :account)
                   and p.xid >= coalesce((select pg_snapshot_xmin(since) from checkpoint_positions
                                          where shard = :shard), '0'::xid8)
                   and not coalesce(pg_visible_in_snapshot(p.xid, (select since from checkpoint_positions
                                                                   where shard = :shard)), false)), 0);

-- name: shards
select distinct shard from programs order by shard;

-- name: start_checkpoint!
insert into checkpoint_positions (shard, since) values (:shard, '1:1:'::pg_snapshot) on conflict do nothing;

-- name: lock_checkpoint$
select since::text
from checkpoint_positions
where shard = :shard
for update skip locked;

-- name: current_snapshot$
-- A statement of its own, after the lock: a snapshot taken while waiting for it may be older than `since`.
select pg_current_snapshot()::text;

-- name: move_checkpoints!
with moved as (
    select p.source as account, -p.amount as amount
    from postings p
    where p.shard = :shard and p.source_version is null
      and p.xid >= pg_snapshot_xmin(:since::text::pg_snapshot)
      and not pg_visible_in_snapshot(p.xid, :since::text::pg_snapshot)
      and pg_visible_in_snapshot(p.xid, :until::text::pg_snapshot)
    union all
    select p.destination, p.amount
    from postings p
    where p.shard = :shard and p.destination_version is null
      and p.xid >= pg_snapshot_xmin(:since::text::pg_snapshot)
      and not pg_visible_in_snapshot(p.xid, :since::text::pg_snapshot)
      and pg_visible_in_snapshot(p.xid, :until::text::pg_snapshot)
)
insert into checkpoints as c (shard, account, posted)
select :shard::int, account, sum(amount) from moved group by account order by account
on conflict (shard, account) do update set posted = c.posted + excluded.posted;

-- name: set_checkpoint!
update checkpoint_positions set since = :until::text::pg_snapshot where shard = :shard;

-- name: due_accounts
-- The bound by infinity is the index's own: without it a plan for any `now` may not use the index.
select id, (select count(*) from lots l
            where l.shard = :shard and l.account = accounts.id and not l.closed and l.expire_time <= :now)::int as due_lots
from accounts
where shard = :shard and valid_until <= :now and valid_until < 'infinity'
order by valid_until
limit :limit;

-- name: read_generation^
-- The server's run tells a database that was put back to an earlier point: that takes a restart.
select generation, (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint::text as run,
       clock_timestamp() as now,
       exists (select from cache_workers where cut_off and worker <> :worker
                                           and seen > clock_timestamp() - :silence::interval) as other_cut_off,
       exists (select from cache_workers where seen <= clock_timestamp() - :silence::interval) as silent
from cache_generation;

-- name: generation$
select generation from cache_generation;

-- name: beat!
insert into cache_workers (worker, seen, cut_off) values (:worker, :seen, :cut_off)
on conflict (worker) do update set seen = excluded.seen, cut_off = excluded.cut_off;

-- name: drop_silent!
delete from cache_workers where seen <= :before;

-- name: move_generation$
-- A new name for the cached balances, unless somebody has moved on from the old one already.
update cache_generation set generation = :new
where generation = :old
returning generation;
