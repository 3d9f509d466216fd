-- Recomputes the ledger from its postings and events. Each query that ends in `_findings` answers what is wrong, the
-- first thing first: the check that failed, what it is about, what was found and what was expected.

-- name: sealed_shards
-- Those of the chains, whatever has become of the programs. The one statement that reads all shards: it decides nothing.
select distinct shard from seals;

-- name: last_transaction$
-- The last of the next `limit` transactions after an id; null where there are no more than that.
select id from transactions where shard = :shard and id > :after order by id offset :limit::int - 1 limit 1;

-- name: journal_findings
-- Of the transactions after an id up to another, and their postings. An exchange may have postings in another shard, and
-- so may its reversal.
with posting as materialized (
    select id, id - ordinal as transaction, source, destination, source_version is not null as from_member,
           destination_version is not null as to_member
    from postings
    where shard = :shard and id > :after and id <= :last::bigint + :postings_max::int
      and id - ordinal > :after and id - ordinal <= :last
), said as materialized (
    select id, program, kind, postings, reverses from transactions where shard = :shard and id > :after and id <= :last
), counted as (
    select s.id, s.program, s.postings, coalesce(p.found, 0) as found,
           case when s.kind = 8 then (select o.kind from transactions o where o.shard = :shard and o.id = s.reverses)
           else s.kind end as done_or_undone
    from said s
    left join (select transaction, count(*) as found from posting group by transaction) as p on p.transaction = s.id
), account as materialized (
    select a.id, a.program, a.unit, a.kind
    from accounts a
    where a.shard = :shard and a.id = any(array(select source from posting union select destination from posting))
), moved as (
    select p.id, p.transaction, t.program, p.from_member, p.to_member, s.program as source_program,
           s.unit as source_unit, s.kind as source_kind, d.program as destination_program, d.unit as destination_unit,
           d.kind as destination_kind
    from posting p
    left join said t on t.id = p.transaction
    left join account s on s.id = p.source
    left join account d on d.id = p.destination
)
select * from (
    select 'POSTINGS_MISSING' as reason, id as transaction, program, format('%s postings', found) as found,
           postings::text as expected
    from counted
    where found > postings or found = 0 or (found < postings and done_or_undone is distinct from 3)
    union all
    select 'TRANSACTION_MISSING', transaction, source_program, format('posting %s', id), 'its transaction'
    from moved
    where program is null
    union all
    select 'SIDES_DIFFER', transaction, program,
           format('posting %s from a %s account of unit %s in program %s to a %s one of unit %s in program %s', id,
                  source_kind, source_unit, source_program, destination_kind, destination_unit, destination_program),
           'accounts of one program and unit, a version for each member'
    from moved
    where source_program is distinct from destination_program or source_unit is distinct from destination_unit
       or (source_kind = 1) is distinct from from_member or (destination_kind = 1) is distinct from to_member
) as wrong
order by transaction
limit 100;

-- name: made_findings
-- Of the lots that these postings made, and of those in that range of ids. The lot of a posting has its id; only a
-- transfer or a merge makes several, and names them with a change of 0.
with posting as materialized (
    select p.id, p.id - p.ordinal as transaction, p.destination, p.amount, p.lots, p.lot_deltas,
           p.destination_version is not null and t.kind <> 8 as made -- a reversal puts back into the lots that there are
    from postings p
    left join transactions t on t.shard = :shard and t.id = p.id - p.ordinal and t.id > :after and t.id <= :last
    where p.shard = :shard and p.id > :after and p.id <= :last::bigint + :postings_max::int
      and p.id - p.ordinal > :after and p.id - p.ordinal <= :last
), lot as materialized (
    select l.id, l.account, l.posting, l.amount
    from lots l
    where l.shard = :shard and l.id > :after and l.id <= :last::bigint + :postings_max::int
), brought as ( -- the lots of one posting
    select posting, account, sum(amount) as amount
    from (
        select posting, account, amount from lot where id = posting
        union all
        select l.posting, l.account, l.amount
        from lots l
        where l.shard = :shard and l.id <> l.posting and l.id = any(array(
            select m.lot from posting p cross join lateral unnest(p.lots, p.lot_deltas) as m (lot, delta)
            where p.made and p.lots is not null and m.delta = 0))
    ) as made
    group by posting, account
)
select * from (
    select 'LOT_DIFFERS_FROM_POSTING' as reason, p.transaction, p.destination as account, p.id as lot,
           coalesce(b.amount, 0)::text as found, p.amount::text as expected
    from posting p
    left join brought b on b.posting = p.id and b.account = p.destination
    where p.made and b.amount is distinct from p.amount
    union all
    select 'LOT_DIFFERS_FROM_POSTING', null, account, id, format('of account %s', account),
           coalesce('of account ' || destination, 'a posting that made it')
    from (select l.account, l.id,
                 -- Only a transfer's or a merge's lots lie apart from their posting.
                 coalesce(p.destination, (select o.destination from postings o where o.shard = :shard and o.id = l.posting))
                     as destination
          from lot l left join posting p on p.id = l.posting
          where l.id <= :last) as lot
    where account is distinct from destination
) as wrong
order by lot
limit 100;

-- name: journal_sums
-- What the postings of these transactions come to for each system account, as far as the snapshot `since` sees them;
-- and for no account, how many they are.
with posting as materialized (
    select source, destination, amount, source_version, destination_version,
           pg_visible_in_snapshot(xid, :since::text::pg_snapshot) as seen
    from postings
    where shard = :shard and id > :after and id <= :last::bigint + :postings_max::int
      and id - ordinal > :after and id - ordinal <= :last
)
select account, sum(amount) as amount
from (
    select source as account, -amount as amount from posting where source_version is null and seen
    union all
    select destination, amount from posting where destination_version is null and seen
) as side
group by account
union all
select null, count(*) from posting;

-- name: adjustment_findings
-- Of the approved adjustments after an id up to another: each is posted as it was proposed, in the names of both people.
with approved as materialized (
    select a.id as adjustment, a.program, a.transaction,
           format('postings %s by %s approved by %s at %s', array[a.sources, a.destinations, a.amounts], a.actor,
                  a.resolve_actor, a.resolve_time) as expected
    from adjustments a
    where a.shard = :shard and a.id > :after and a.id <= :last and a.state = 2
), posted as (
    select t.id, t.program,
           format('postings %s by %s at %s', array[array_agg(p.source order by p.id),
                  array_agg(p.destination order by p.id), array_agg(p.amount order by p.id)], t.actor, t.record_time) as found
    from transactions t
    cross join lateral (select * from postings where shard = :shard and id >= t.id and id < t.id + t.postings offset 0) as p
    where t.shard = :shard and t.id = any(array(select transaction from approved)) and t.kind = 7
    group by t.id, t.program, t.actor, t.record_time
)
select 'ADJUSTMENT_DIFFERS' as reason, a.adjustment, a.program, coalesce(p.found, 'no transaction') as found, a.expected
from approved a
left join posted p on p.id = a.transaction and p.program = a.program
where p.found is distinct from a.expected
order by a.adjustment
limit 100;

-- name: checkpoints
select account, posted from checkpoints where shard = :shard order by account;

-- name: slices
-- What is kept for each account that ever had a credit limit, the limit that was set last, and what its postings come to
-- that the snapshot `since` does not see.
with newest as materialized (
    select distinct on (c.account) c.account, c.credit_limit
    from credit_limit_changes c
    where c.shard = :shard
    order by c.account, c.number desc
), kept as materialized (
    select k.account, k.credit_limit, k.available from slices k where k.shard = :shard
), tail as (
    select side.account, sum(side.amount) as amount
    from postings p
    cross join lateral (values (p.source, -p.amount), (p.destination, p.amount)) as side (account, amount)
    where p.shard = :shard and p.xid >= pg_snapshot_xmin(:since::text::pg_snapshot)
      and not pg_visible_in_snapshot(p.xid, :since::text::pg_snapshot)
      and side.account = any(array(select account from newest))
    group by side.account
)
select account, kept.credit_limit as kept_limit, kept.available as kept_available, newest.credit_limit,
       coalesce(tail.amount, 0) as tail
from newest
full join kept using (account)
left join tail using (account)
order by account;

-- name: member_versions
select id, version from accounts where shard = :shard and kind = 1 and id > :after order by id limit :limit;

-- name: account_findings
-- Of the member accounts after an id up to another: everything that the entries and events say of them.
with posted as materialized (
    select p.source as account, p.source_version as version, -p.amount as delta, p.source_posted as posted,
           p.source_debt_delta as debt_delta, p.id as posting, p.id - p.ordinal as transaction, p.hold, p.lots, p.lot_deltas
    from postings p
    where p.shard = :shard and p.source > :after and p.source <= :last and p.source_version is not null
    union all
    select p.destination, p.destination_version, p.amount, p.destination_posted, p.destination_debt_delta, p.id,
           p.id - p.ordinal, null,
           -- A posting between two of these members has been counted once.
           case when p.source_version is null or p.source <= :after or p.source > :last then p.lots end, p.lot_deltas
    from postings p
    where p.shard = :shard and p.destination > :after and p.destination <= :last
      and p.destination_version is not null
), said as ( -- looked up in the order of ids, which costs half of what it costs in the order of accounts
    select t.id, t.kind, case when t.kind = 8 then (select o.kind from transactions o
                                                    where o.shard = :shard and o.id = t.reverses) end as reversed_kind
    from transactions t
    where t.shard = :shard and t.id = any(array(select transaction from posted))
), entry as materialized (
    select p.account, p.version, p.delta, p.posted, p.debt_delta, p.posting, p.transaction, p.hold, null::int as event,
           0::bigint as held_delta, p.lots, p.lot_deltas, t.kind, t.reversed_kind
    from posted p left join said t on t.id = p.transaction
    union all
    select e.account, e.version, 0, null, e.debt_delta, null, null, e.hold, e.kind, e.held_delta, e.lots, e.lot_deltas,
           null, null
    from account_events e
    where e.shard = :shard and e.account > :after and e.account <= :last
), running as (
    select account, version, posted, transaction, row_number() over history as number,
           sum(delta) over history as expected
    from entry
    window history as (partition by account order by version rows unbounded preceding)
), counted as ( -- EARN, GRANT and RECOGNITION earn, SPEND and RECOGNITION spend; a reversal counts against what it undoes
    select account, version, delta, debt_delta, kind = 8 as undone, coalesce(reversed_kind, kind) as kind from entry
), total as materialized (
    select account, max(version) as version, sum(delta) as posted, sum(debt_delta) as debt,
           coalesce(sum(delta) filter (where kind in (1, 4, 5) and (delta > 0) <> undone), 0) as earned,
           coalesce(-sum(delta) filter (where kind in (2, 5) and (delta < 0) <> undone), 0) as spent
    from counted group by account
), move as (
    select m.lot, sum(m.delta) as delta, -sum(m.delta) filter (where e.kind = 9) as expired
    from entry e cross join lateral unnest(e.lots, e.lot_deltas) as m (lot, delta)
    where e.lots is not null
    group by m.lot
), active as materialized (
    select h.id, m.lot, m.amount
    from holds h cross join lateral unnest(h.lots, h.lot_amounts) as m (lot, amount)
    where h.shard = :shard and h.account > :after and h.account <= :last and h.state = 1
), kept as (
    select lot, sum(amount) as held from active group by lot
), open_lot as materialized (
    select id, account, amount, open, held, expired, available_time
    from lots
    where shard = :shard and account > :after and account <= :last and not closed
), named as (
    select lot from move union all select posting from entry where delta > 0
), closed_lot as ( -- those that the entries name or made
    select l.id, l.account, l.amount, l.open, l.held, l.expired, l.available_time
    from lots l
    where l.shard = :shard and l.account > :after and l.account <= :last and l.closed
      and l.id = any(array(select lot from named where not exists (select from open_lot o where o.id = named.lot)))
), lot as materialized (
    select l.id, l.account, l.amount, l.open, l.held, l.expired, l.available_time, m.delta, m.expired as taken, k.held as kept
    from (select * from open_lot union all select * from closed_lot) as l
    left join move m on m.lot = l.id
    left join kept k on k.lot = l.id
), by_account as (
    select account, sum(open) as open, sum(held) as held,
           coalesce(sum(open) filter (where available_time > :now::timestamptz), 0) as pending
    from lot group by account
), told as (
    select e.hold, min(e.account) as account, sum(e.held_delta) filter (where e.event = 1) as placed,
           coalesce(-sum(e.delta) filter (where e.event is null), 0) as captured,
           case when bool_or(e.event is null) then 2 when bool_or(e.event = 2) then 3 when bool_or(e.event = 3) then 4
                else 1 end as state
    from entry e where e.hold is not null group by e.hold
), hold as (
    select coalesce(h.id, t.hold) as id, coalesce(h.account, t.account) as account,
           format('amount %s on lots with %s, captured %s, state %s', h.amount,
                  (select sum(m) from unnest(h.lot_amounts) as m), h.captured, h.state) as found,
           format('amount %s on lots with %s, captured %s, state %s', t.placed, t.placed, t.captured, t.state) as expected
    from (select h.* from holds h where h.shard = :shard and h.id = any(array(
              select hold from told union select id from active)))
        as h
    full join told t on t.hold = h.id and t.account = h.account
), state_told as (
    select distinct on (account) account, version, case event when 5 then 2 when 6 then 1 else 3 end as state
    from entry where event in (5, 6, 7) order by account, version desc
), account as materialized (
    select a.id, a.state, a.version, a.posted, a.held, a.pending, a.debt, a.available, a.earned, a.spent, a.valid_until
    from accounts a
    where a.shard = :shard and a.kind = 1 and a.id > :after and a.id <= :last
)
select * from (
    select 1 as rank, 'VERSIONS_HAVE_A_GAP' as reason, account, min(version) as version, null::bigint as transaction,
           null::bigint as lot, null::bigint as hold, min(version)::text as found, min(number)::text as expected
    from running where version <> number group by account
    union all
    select 2, 'RUNNING_BALANCE_DIFFERS', account, version, transaction, null, null, posted::text, expected::text
    from running where posted <> expected
    union all
    select 3, 'BALANCE_DIFFERS_FROM_ENTRIES', a.id, a.version, null, null, null,
           format('posted %s, debt %s, version %s', a.posted, a.debt, a.version),
           format('posted %s, debt %s, version %s', coalesce(t.posted, 0), coalesce(t.debt, 0), coalesce(t.version, 0))
    from account a left join total t on t.account = a.id
    where (a.posted, a.debt, a.version)
          is distinct from (coalesce(t.posted, 0), coalesce(t.debt, 0), coalesce(t.version, 0))
    union all
    select 4, 'LOT_DIFFERS_FROM_MOVES', account, null, null, id, null,
           format('open %s, held %s, expired %s', open, held, expired),
           format('open %s, held %s, expired %s', amount + coalesce(delta, 0), coalesce(kept, 0), coalesce(taken, 0))
    from lot
    -- Most lots have not been touched, and sums are numeric, which takes longer.
    where case when delta is null and kept is null then open <> amount or held <> 0 or expired <> 0
               else (open, held, expired)
                    is distinct from (amount + coalesce(delta, 0), coalesce(kept, 0), coalesce(taken, 0)) end
    union all
    select 5, 'LOTS_DIFFER_FROM_POSTED', a.id, a.version, null, null, null, format('lots of %s', coalesce(b.open, 0)),
           format('posted %s and debt %s', a.posted, a.debt)
    from account a left join by_account b on b.account = a.id
    where a.posted + a.debt <> coalesce(b.open, 0)
    union all
    select 6, 'HOLD_DIFFERS_FROM_EVENTS', account, null, null, null, id, found, expected
    from hold where found <> expected
    union all
    select 7, 'HOLDS_DIFFER_FROM_HELD', a.id, a.version, null, null, null, a.held::text, coalesce(b.held, 0)::text
    from account a left join by_account b on b.account = a.id
    where a.held <> coalesce(b.held, 0)
    union all
    select 8, 'PENDING_DIFFERS', a.id, a.version, null, null, null, a.pending::text, coalesce(b.pending, 0)::text
    from account a left join by_account b on b.account = a.id
    where a.valid_until > :now::timestamptz -- else the sweeper has still to book what matured
      and a.pending <> coalesce(b.pending, 0)
    union all
    select 9, 'AVAILABLE_DIFFERS', id, version, null, null, null, available::text, (posted - held - pending)::text
    from account where available <> posted - held - pending
    union all
    select 10, 'LIFETIME_DIFFERS', a.id, a.version, null, null, null, format('earned %s, spent %s', a.earned, a.spent),
           format('earned %s, spent %s', coalesce(t.earned, 0), coalesce(t.spent, 0))
    from account a left join total t on t.account = a.id
    where (a.earned, a.spent) is distinct from (coalesce(t.earned, 0), coalesce(t.spent, 0))
    union all
    select 11, 'STATE_DIFFERS_FROM_EVENTS', a.id, a.version, null, null, null, a.state::text, coalesce(t.state, 1)::text
    from account a left join state_told t on t.account = a.id
    where a.state <> coalesce(t.state, 1)
    union all
    select 12, 'CHANGED_AFTER_CLOSING', a.id, a.version, null, null, null, format('version %s', a.version),
           format('closed for ever at version %s', t.version)
    from account a join state_told t on t.account = a.id
    where t.state = 3 and a.version <> t.version
) as wrong
order by account, rank, version, lot, hold
limit 100;

-- name: unplaced_hold_findings
-- Resolved holds of a shard that no event placed. Active ones are found beside their accounts, by an index.
select 'HOLD_DIFFERS_FROM_EVENTS' as reason, h.account, null::bigint as version, null::bigint as lot, h.id as hold,
       format('amount %s, captured %s, state %s', h.amount, h.captured, h.state) as found,
       'an event that placed it' as expected
from holds h
where h.shard = :shard and h.state <> 1 and not exists (
    select from account_events e
    where e.shard = :shard and e.account = h.account and e.kind = 1 and e.hold = h.id)
order by h.account, h.id
limit 100;

-- name: lot_time_findings
-- Of the lots of the member accounts after an id up to another whose times were changed: the first change was made to what
-- the lot was made with, each later one to what the one before had left, and the last one's is what it has.
with changed as (
    select e.account, m.lot, e.version, e.expire_time, m.before, lag(e.expire_time) over history as left_by_last,
           row_number() over history = 1 as first, lead(e.version) over history is null as last
    from account_events e cross join lateral unnest(e.lots, e.expire_times_before) as m (lot, before)
    where e.shard = :shard and e.account > :after and e.account <= :last and e.kind = 8
    window history as (partition by m.lot order by e.version)
), activated as (
    select e.account, m.lot, max(e.record_time) as available_time
    from account_events e cross join lateral unnest(e.lots) as m (lot)
    where e.shard = :shard and e.account > :after and e.account <= :last and e.kind = 9
    group by e.account, m.lot
), named as (
    select account, lot from changed
    union
    select account, lot from activated
    union
    select account, id from lots
    where shard = :shard and account > :after and account <= :last and not closed and first_expire_time is not null
), times as (
    select n.account, n.lot,
           format('expires %s (first %s), available from %s', l.expire_time, l.first_expire_time, l.available_time) as found,
           format('expires %s (first %s), available from %s',
                  coalesce(c.expire_time, l.first_expire_time), coalesce(f.before, l.first_expire_time),
                  coalesce(a.available_time, l.first_available_time)) as expected,
           c.lot is null and a.lot is null as never_changed
    from named n
    left join lots l on l.shard = :shard and l.id = n.lot and l.account = n.account
    left join changed c on c.lot = n.lot and c.account = n.account and c.last
    left join changed f on f.lot = n.lot and f.account = n.account and f.first
    left join activated a on a.lot = n.lot and a.account = n.account
)
select 'LOT_TIMES_DIFFER_FROM_EVENTS' as reason, account, null::bigint as version, lot, found, expected
from times where found <> expected
union all
select 'LOT_TIMES_DIFFER_FROM_EVENTS', account, null, lot, 'other times than it was made with', 'an event that changed them'
from times where never_changed
union all
select 'LOT_TIMES_DIFFER_FROM_EVENTS', account, version, lot, format('moved from %s', before), left_by_last::text
from changed where before <> left_by_last
order by account, lot, version
limit 100;

-- name: account_name$
select format('programs/%s/accounts/%s', p.id, a.name)
from accounts a join programs p on p.program = a.program
where a.shard = :shard and a.id = :id;

-- name: program_name$
select format('programs/%s', id) from programs where program = :program;
