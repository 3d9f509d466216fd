-- What a balance comes from.

-- name: lot_origins
-- The postings that made lots.
select p.id, p.id - p.ordinal as transaction, p.source, p.destination_version as version, t.kind, t.effective_time
from postings p
join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
where p.shard = :shard and p.id = any(:ids::bigint[]);

-- name: lot_moves
-- What changed these lots in an account's versions after one: the newest moves of each, and the sum of all. Lot 0 stands
-- for the account's debt. Transactions and events are looked up for the moves that are told, one by one: joined, they
-- would all be read, because how many moves that will be is a guess of tens of thousands.
with entry as (
    select p.source_version as version, p.id - p.ordinal as transaction, p.lots, p.lot_deltas,
           p.source_debt_delta as debt_delta
    from postings p
    where p.shard = :shard and p.source = :account and p.source_version > :after
    union all
    select p.destination_version, p.id - p.ordinal, p.lots, p.lot_deltas, p.destination_debt_delta
    from postings p
    where p.shard = :shard and p.destination = :account and p.destination_version > :after
    union all
    select e.version, null, e.lots, e.lot_deltas, e.debt_delta
    from account_events e
    where e.shard = :shard and e.account = :account and e.version > :after
), move as (
    select entry.version, entry.transaction, m.lot, m.delta
    from entry cross join lateral unnest(entry.lots, entry.lot_deltas) as m (lot, delta)
    where m.lot = any(:lots::bigint[]) and m.delta <> 0
    union all
    select entry.version, entry.transaction, 0, entry.debt_delta
    from entry
    where entry.debt_delta <> 0 and 0 = any(:lots::bigint[])
), numbered as (
    select move.*, row_number() over (partition by lot order by version desc) as number,
           sum(delta) over (partition by lot) as total
    from move
)
select n.lot, n.version, n.delta, n.total::bigint as total, n.transaction, t.kind,
       coalesce(t.record_time, e.record_time) as record_time
from numbered n
left join lateral (
    select kind, record_time from transactions where shard = :shard and id = n.transaction offset 0
) as t on true
left join lateral (
    select record_time from account_events
    where shard = :shard and account = :account and version = n.version and n.transaction is null offset 0
) as e on true
where n.number <= :limit
order by n.lot, n.version desc;
