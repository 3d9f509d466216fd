-- Balances as they were: at a record time, and before an effective time.

-- name: version_at$
-- An account's version at a record time. Record times of an account increase with its versions: halving finds it, with
-- three look-ups in indexes for each step.
with recursive search as (
    select 0::bigint as low, a.version + 1 as high from accounts a where a.shard = :shard and a.id = :account
    union all
    select case when change.record_time <= :record_time then step.middle else step.low end,
           case when change.record_time <= :record_time then step.high else step.middle end
    from (select low, high, (low + high) / 2 as middle from search where high - low > 1) as step
    cross join lateral (
        select e.record_time
        from account_events e
        where e.shard = :shard and e.account = :account and e.version = step.middle
        union all
        select t.record_time
        from postings p join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
        where p.shard = :shard and p.source = :account and p.source_version = step.middle
        union all
        select t.record_time
        from postings p join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
        where p.shard = :shard and p.destination = :account and p.destination_version = step.middle
    ) as change
)
select low as version from search where high - low = 1;

-- name: posted_at$
-- The posted balance after the last posting up to a version.
select entry.posted
from (
    (select p.source_version as version, p.source_posted as posted
     from postings p
     where p.shard = :shard and p.source = :account and p.source_version <= :version
     order by p.source_version desc
     limit 1)
    union all
    (select p.destination_version, p.destination_posted
     from postings p
     where p.shard = :shard and p.destination = :account and p.destination_version <= :version
     order by p.destination_version desc
     limit 1)
) as entry
order by entry.version desc
limit 1;

-- name: member_sum_since$
-- What an account's postings of these versions come to that happened at a time or later.
select coalesce(sum(entry.amount), 0)::bigint as amount
from (
    select p.id - p.ordinal as transaction, -p.amount as amount
    from postings p
    where p.shard = :shard and p.source = :account and p.source_version > :after and p.source_version <= :upto
    union all
    select p.id - p.ordinal, p.amount
    from postings p
    where p.shard = :shard and p.destination = :account
      and p.destination_version > :after and p.destination_version <= :upto
) as entry
join transactions t on t.shard = :shard and t.id = entry.transaction
where t.effective_time >= :effective_end_time;

-- name: first_since$
-- The lowest id of what was recorded at a time or later; null where there is nothing. The offset keeps PostgreSQL from
-- walking all ids from the first one in the hope to come upon it soon.
select min(found.id) as id
from (select t.id from transactions t where t.shard = :shard and t.record_time >= :since offset 0) as found;

-- name: system_sums_since
-- What of these system accounts' postings happened at a time or later, or was recorded after another: together, and as
-- far as a member is on the other side. All of it has an id from `first` on.
select side.account, sum(side.amount) as amount, coalesce(sum(side.amount) filter (where side.of_member), 0) as of_member
from transactions t
join postings p on p.shard = t.shard and p.id - p.ordinal = t.id
cross join lateral (values (p.source, -p.amount, p.destination_version is not null),
                           (p.destination, p.amount, p.source_version is not null))
    as side (account, amount, of_member)
where t.shard = :shard and t.id >= :first and p.id >= :first
  and (t.effective_time >= :effective_end_time or t.record_time > :record_time)
  and side.account = any(:accounts::bigint[])
group by side.account;

-- name: checkpoint_since$
select since::text from checkpoint_positions where shard = :shard;

-- name: system_balances
-- A program's system accounts now: what their checkpoints say, and what came after the snapshot these were taken at.
with tail as (
    select side.account, sum(side.amount) as amount
    from postings p
    cross join lateral (values (p.source, -p.amount, p.source_version), (p.destination, p.amount, p.destination_version))
        as side (account, amount, version)
    where p.shard = :shard and side.version is null
      and p.xid >= pg_snapshot_xmin(:since::text::pg_snapshot)
      and not pg_visible_in_snapshot(p.xid, :since::text::pg_snapshot)
    group by side.account
)
select a.id, a.unit, a.kind, a.name, coalesce(c.posted, 0) + coalesce(t.amount, 0) as posted
from accounts a
left join checkpoints c on c.shard = a.shard and c.account = a.id
left join tail t on t.account = a.id
where a.shard = :shard and a.program = :program and a.kind <> 1
order by a.unit, a.kind, a.name
limit :limit;

-- name: member_sums
-- What the members of a program have together, unit by unit.
select a.unit, sum(a.posted) as posted
from accounts a
where a.shard = :shard and a.program = :program and a.kind = 1
group by a.unit;
