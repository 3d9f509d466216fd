-- Recomputes accounts, lots and holds from the postings and events. Each query answers what is wrong: its reason, the
-- thing, and what was found and expected. `accounts` are member accounts of one shard.

-- name: member_ids
select id from accounts where shard = :shard and kind = 1 and id > :after order by id limit :limit;

-- name: entry_findings
with entry as (
    select p.source as account, p.source_version as version, -p.amount as delta, p.source_posted as posted,
           p.source_debt_delta as debt_delta, p.id as posting
    from postings p
    where p.shard = :shard and p.source = any(:accounts::bigint[]) and p.source_version is not null
    union all
    select p.destination, p.destination_version, p.amount, p.destination_posted, p.destination_debt_delta, p.id
    from postings p
    where p.shard = :shard and p.destination = any(:accounts::bigint[]) and p.destination_version is not null
    union all
    select e.account, e.version, 0, null, e.debt_delta, null
    from account_events e
    where e.shard = :shard and e.account = any(:accounts::bigint[])
), running as (
    select entry.*, row_number() over history as number, sum(delta) over history as expected
    from entry
    window history as (partition by account order by version rows unbounded preceding)
), total as (
    select account, max(version) as version, sum(delta) as posted, sum(debt_delta) as debt from entry group by account
)
select 'VERSIONS_HAVE_A_GAP' as reason, min(r.version) as at, a.name, a.program,
       format('version %s stands where %s should', min(r.version), min(r.number)) as detail
from running r join accounts a on a.shard = :shard and a.id = r.account
where r.version <> r.number
group by a.name, a.program
union all
select 'RUNNING_BALANCE_DIFFERS', r.version, a.name, a.program,
       format('posting %s: %s after version %s, the entries before sum to %s', r.posting, r.posted, r.version, r.expected)
from running r join accounts a on a.shard = :shard and a.id = r.account
where r.posted is not null and r.posted <> r.expected
union all
select 'BALANCE_DIFFERS_FROM_ENTRIES', a.version, a.name, a.program,
       format('posted %s, debt %s, version %s; the entries come to %s, %s, %s', a.posted, a.debt, a.version,
              coalesce(t.posted, 0), coalesce(t.debt, 0), coalesce(t.version, 0))
from accounts a left join total t on t.account = a.id
where a.shard = :shard and a.id = any(:accounts::bigint[])
  and (a.posted, a.debt, a.version)
      is distinct from (coalesce(t.posted, 0)::bigint, coalesce(t.debt, 0)::bigint, coalesce(t.version, 0))
order by 3, 2
limit 100;

-- name: lot_findings
with move as (
    select m.lot, m.delta, t.kind = 9 as expiry
    from postings p
    join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
    cross join lateral unnest(p.lots, p.lot_deltas) as m (lot, delta)
    where p.shard = :shard and p.lots is not null
      and (p.source = any(:accounts::bigint[]) or p.destination = any(:accounts::bigint[]))
    union all
    select m.lot, m.delta, false
    from account_events e cross join lateral unnest(e.lots, e.lot_deltas) as m (lot, delta)
    where e.shard = :shard and e.account = any(:accounts::bigint[]) and e.lots is not null
), moved as (
    select lot, sum(delta) as delta, -sum(delta) filter (where expiry) as expired from move group by lot
), kept as (
    select m.lot, sum(m.amount) as held
    from holds h cross join lateral unnest(h.lots, h.lot_amounts) as m (lot, amount)
    where h.shard = :shard and h.account = any(:accounts::bigint[]) and h.state = 1
    group by m.lot
), made as ( -- by a transfer: several lots
    select l.posting, l.account, min(l.id) as lot, sum(l.amount) as amount
    from lots l where l.shard = :shard and l.account = any(:accounts::bigint[])
    group by l.posting, l.account
), by_account as (
    select l.account, sum(l.open) as open, sum(l.held) as held,
           sum(l.open) filter (where l.available_time > :now::timestamptz) as pending
    from lots l where l.shard = :shard and l.account = any(:accounts::bigint[]) group by l.account
)
select 'LOT_DIFFERS_FROM_MOVES' as reason, l.id as at, a.name, a.program,
       format('lot %s: open %s, held %s, expired %s; the moves and holds come to %s, %s, %s', l.id, l.open, l.held,
              l.expired, l.amount + coalesce(m.delta, 0), coalesce(k.held, 0), coalesce(m.expired, 0)) as detail
from lots l
join accounts a on a.shard = l.shard and a.id = l.account
left join moved m on m.lot = l.id
left join kept k on k.lot = l.id
where l.shard = :shard and l.account = any(:accounts::bigint[])
  and (l.open, l.held, l.expired) is distinct from
      (l.amount + coalesce(m.delta, 0)::bigint, coalesce(k.held, 0)::bigint, coalesce(m.expired, 0)::bigint)
union all
select 'LOT_DIFFERS_FROM_POSTING', m.lot, a.name, a.program,
       format('lot %s and those of the same posting have %s, the posting %s', m.lot, m.amount,
              coalesce(p.amount::text, 'does not exist'))
from made m
join accounts a on a.shard = :shard and a.id = m.account
left join postings p on p.shard = :shard and p.id = m.posting and p.destination = m.account
where p.amount is distinct from m.amount
union all
select 'LOTS_DIFFER_FROM_POSTED', a.version, a.name, a.program,
       format('posted %s and debt %s, the lots come to %s', a.posted, a.debt, coalesce(b.open, 0))
from accounts a left join by_account b on b.account = a.id
where a.shard = :shard and a.id = any(:accounts::bigint[]) and a.posted + a.debt <> coalesce(b.open, 0)
union all
select 'HOLDS_DIFFER_FROM_HELD', a.version, a.name, a.program,
       format('held %s, the lots hold %s', a.held, coalesce(b.held, 0))
from accounts a left join by_account b on b.account = a.id
where a.shard = :shard and a.id = any(:accounts::bigint[]) and a.held <> coalesce(b.held, 0)
union all
select 'PENDING_DIFFERS', a.version, a.name, a.program,
       format('pending %s, the lots come to %s', a.pending, coalesce(b.pending, 0))
from accounts a left join by_account b on b.account = a.id
where a.shard = :shard and a.id = any(:accounts::bigint[])
  and a.valid_until > :now::timestamptz -- else the sweeper has still to book what matured
  and a.pending <> coalesce(b.pending, 0)
union all
select 'AVAILABLE_DIFFERS', a.version, a.name, a.program,
       format('available %s; posted %s less held %s and pending %s is %s', a.available, a.posted, a.held, a.pending,
              a.posted - a.held - a.pending)
from accounts a
where a.shard = :shard and a.id = any(:accounts::bigint[]) and a.available <> a.posted - a.held - a.pending
order by 3, 2
limit 100;

-- name: hold_findings
with told as (
    select e.hold, min(e.account) as account, sum(e.held_delta) filter (where e.kind = 1) as placed,
           count(*) filter (where e.kind = 2) as released, count(*) filter (where e.kind = 3) as expired
    from account_events e
    where e.shard = :shard and e.account = any(:accounts::bigint[]) and e.hold is not null
    group by e.hold
), taken as (
    select p.hold, sum(p.amount) as captured
    from postings p
    where p.shard = :shard and p.source = any(:accounts::bigint[]) and p.hold is not null
    group by p.hold
), expected as (
    select t.hold, t.account, t.placed, coalesce(c.captured, 0) as captured,
           case when c.hold is not null then 2 when t.released > 0 then 3 when t.expired > 0 then 4 else 1 end as state
    from told t left join taken c on c.hold = t.hold
), kept as (
    select h.id, h.account, h.amount, h.captured, h.state, (select sum(m) from unnest(h.lot_amounts) as m) as on_lots
    from holds h where h.shard = :shard and h.account = any(:accounts::bigint[])
)
select 'HOLD_DIFFERS_FROM_EVENTS' as reason, coalesce(k.id, x.hold) as at, a.name, a.program,
       format('hold %s: %s on lots with %s, captured %s, state %s; the events come to %s, captured %s, state %s',
              coalesce(k.id, x.hold), k.amount, k.on_lots, k.captured, k.state, x.placed, x.captured, x.state) as detail
from kept k
full join expected x on x.hold = k.id
join accounts a on a.shard = :shard and a.id = coalesce(k.account, x.account)
where (k.account, k.amount, k.on_lots, k.captured, k.state)
      is distinct from (x.account, x.placed::bigint, x.placed, x.captured::bigint, x.state::smallint)
order by 3, 2
limit 100;

-- name: state_findings
-- An account's state is what its last change of state left, and nothing comes after it was closed.
with told as (
    select distinct on (e.account) e.account, e.version, case e.kind when 5 then 2 when 6 then 1 else 3 end as state
    from account_events e
    where e.shard = :shard and e.account = any(:accounts::bigint[]) and e.kind in (5, 6, 7)
    order by e.account, e.version desc
)
select 'STATE_DIFFERS_FROM_EVENTS' as reason, a.version as at, a.name, a.program,
       format('state %s, the events come to %s', a.state, coalesce(t.state, 1)) as detail
from accounts a left join told t on t.account = a.id
where a.shard = :shard and a.id = any(:accounts::bigint[]) and a.state <> coalesce(t.state, 1)
union all
select 'CHANGED_AFTER_CLOSING', a.version, a.name, a.program,
       format('closed at version %s, and at version %s now', t.version, a.version)
from accounts a join told t on t.account = a.id
where a.shard = :shard and t.state = 3 and a.version <> t.version
order by 3
limit 100;

-- name: lifetime_findings
-- A reversal counts against what it undoes: EARN, GRANT and RECOGNITION earn, SPEND and RECOGNITION spend.
with moved as (
    select p.source, p.destination, p.amount, coalesce(o.kind, t.kind) as kind, o.kind is not null as undone
    from postings p
    join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
    left join transactions o on o.shard = t.shard and o.id = t.reverses
    where p.shard = :shard and (p.source = any(:accounts::bigint[]) or p.destination = any(:accounts::bigint[]))
), total as (
    select account, sum(earned) as earned, sum(spent) as spent
    from moved
    cross join lateral (values
        (destination, case when kind in (1, 4, 5) and not undone then amount else 0 end,
         case when kind in (2, 5) and undone then -amount else 0 end),
        (source, case when kind in (1, 4, 5) and undone then -amount else 0 end,
         case when kind in (2, 5) and not undone then amount else 0 end)
    ) as side (account, earned, spent)
    group by account
)
select 'LIFETIME_DIFFERS' as reason, a.version as at, a.name, a.program,
       format('earned %s, spent %s; the postings come to %s, %s', a.earned, a.spent, coalesce(t.earned, 0),
              coalesce(t.spent, 0)) as detail
from accounts a left join total t on t.account = a.id
where a.shard = :shard and a.id = any(:accounts::bigint[])
  and (a.earned, a.spent) is distinct from (coalesce(t.earned, 0)::bigint, coalesce(t.spent, 0)::bigint)
order by 3
limit 100;

-- name: last_transaction$
-- The last of the next `limit` transactions after an id; null where there are none.
select max(id) from (
    select id from transactions where shard = :shard and id > :after order by id limit :limit
) as t;

-- name: transaction_findings
-- Of the transactions after an id up to another. An exchange may have postings in another shard.
select 'POSTINGS_MISSING' as reason, t.id as at, t.id::text as name, t.program,
       format('transaction %s says %s postings and has %s', t.id, t.postings, count(p.id)) as detail
from transactions t
left join postings p on p.shard = t.shard and p.id >= t.id and p.id < t.id + t.postings and p.id - p.ordinal = t.id
where t.shard = :shard and t.id > :after and t.id <= :last and t.kind <> 3
group by t.id, t.postings, t.program
having count(p.id) <> t.postings
union all
select 'TRANSACTION_MISSING', p.id, p.id::text, 0, format('posting %s has no transaction', p.id)
from postings p left join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
where p.shard = :shard and p.id > :after and p.id <= :last and t.id is null
union all
select 'SIDES_DIFFER', p.id, (p.id - p.ordinal)::text, s.program,
       format('posting %s moves between unlike accounts', p.id)
from postings p
join accounts s on s.shard = p.shard and s.id = p.source
join accounts d on d.shard = p.shard and d.id = p.destination
where p.shard = :shard and p.id > :after and p.id <= :last
  and ((s.program, s.unit) <> (d.program, d.unit)
       or (s.kind = 1) <> (p.source_version is not null) or (d.kind = 1) <> (p.destination_version is not null))
order by 2
limit 100;

-- name: checkpoint_findings
with since as (select since from checkpoint_positions where shard = :shard),
moved as (
    select p.source as account, -p.amount as amount from postings p, since
    where p.shard = :shard and p.source_version is null and pg_visible_in_snapshot(p.xid, since.since)
    union all
    select p.destination, p.amount from postings p, since
    where p.shard = :shard and p.destination_version is null and pg_visible_in_snapshot(p.xid, since.since)
), total as (select account, sum(amount) as posted from moved group by account)
select 'CHECKPOINT_DIFFERS' as reason, a.id as at, a.name, a.program,
       format('checkpoint %s, the postings before it sum to %s', coalesce(c.posted, 0), coalesce(t.posted, 0)) as detail
from accounts a
left join checkpoints c on c.shard = a.shard and c.account = a.id
left join total t on t.account = a.id
where a.shard = :shard and a.kind <> 1 and coalesce(c.posted, 0) <> coalesce(t.posted, 0)
order by 3
limit 100;

-- name: count_postings$
select count(*) from postings
where shard = :shard and (source = any(:accounts::bigint[]) or destination = any(:accounts::bigint[]));
