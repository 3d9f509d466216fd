-- What a batch reads under lock, and writes. Every statement names one shard.

-- name: lock_accounts
-- No other read may share this statement: after a wait it would see a new balance beside old lots.
select id, state, version, posted, held, pending, debt, available, earned, spent, record_time, valid_until,
       batch
from accounts
where shard = :shard and id = any(:ids::bigint[])
order by id
for no key update;

-- name: clock$
select clock_timestamp();

-- name: reserve_ids$
select nextval('ledger_ids');

-- name: begin_batch^
-- After the locks: of two changes of one account the later has the higher ids. What is closed of the programs' books is
-- read within the batch's transaction, whose end is what a closing waits for. Which requests came before is asked here
-- because a statement of its own would cost every batch a round trip, and hardly any request did.
select clock_timestamp() as now, nextval('ledger_ids') as block,
       array(select r.key from ledger_requests r where r.shard = :shard and r.key = any(:keys::bytea[])) as known,
       array(select (select b.close_time from books_changes b
                     where b.shard = :shard and b.program = p.program
                     order by b.number desc
                     limit 1)
             from unnest(:programs::int[]) with ordinality as p (program, place)
             order by p.place) as close_times;

-- name: read_batch
-- The same for a batch that does not lock its accounts, and these beside it; without any it is one row. Ids are drawn once
-- the accounts' state is settled: who changes one of them later has higher ones. Each row repeats what a batch begins with,
-- so that what there hardly ever is, requests that came before and closed books, is null without.
select a.id, a.state, a.version, a.posted, a.held, a.pending, a.debt, a.available, a.earned, a.spent, a.record_time,
       a.valid_until, a.batch, b.now, b.block, b.known, b.close_times
from (
    select clock_timestamp() as now, nextval('ledger_ids') as block,
           (select array_agg(r.key) from ledger_requests r
            where r.shard = :shard and r.key = any(:keys::bytea[])) as known,
           nullif(
               array(select (select b.close_time from books_changes b
                             where b.shard = :shard and b.program = p.program
                             order by b.number desc
                             limit 1)
                     from unnest(:programs::int[]) with ordinality as p (program, place)
                     order by p.place),
               array_fill(null::timestamptz, array[cardinality(:programs::int[])])
           ) as close_times
) as b
left join accounts a on a.shard = :shard and a.id = any(:ids::bigint[]);

-- name: close_times$
-- Of the programs of a batch's further shards.
select array(select (select b.close_time from books_changes b
                     where b.shard = :shard and b.program = p.program
                     order by b.number desc
                     limit 1)
             from unnest(:programs::int[]) with ordinality as p (program, place)
             order by p.place);

-- name: read_requests
select key, digest, fields, outcome, refusal
from ledger_requests
where shard = :shard and key = any(:keys::bytea[]);

-- name: open_lots
select id, account, posting, amount, open, held, expired, expire_time, available_time, record_time, budget
from lots
where shard = :shard and account = any(:accounts::bigint[]) and not closed;

-- name: first_lots
-- The lots of each account that a debit consumes first. Of those that expire at the same time the older one has the lower id.
select l.*
from unnest(:accounts::bigint[]) as n (account)
cross join lateral (
    select id, account, posting, amount, open, held, expired, expire_time, available_time, record_time, budget
    from lots
    where shard = :shard and account = n.account and not closed
    order by expire_time, id
    limit :most
) as l;

-- name: lots_by_id
select id, account, posting, amount, open, held, expired, expire_time, available_time, record_time, budget
from lots
where shard = :shard and id = any(:ids::bigint[]);

-- name: active_holds
select id, account, amount, state, captured, lots, lot_amounts, expire_time, purpose, actor, record_time, resolve_time
from holds
where shard = :shard and account = any(:accounts::bigint[]) and state = 1;

-- name: holds_by_id
select id, account, amount, state, captured, lots, lot_amounts, expire_time, purpose, actor, record_time, resolve_time
from holds
where shard = :shard and id = any(:ids::bigint[]);

-- name: reversals
-- What earlier reversals undid of the postings of the transactions `ids`, posting by posting.
select t.reverses, p.ordinal, p.source, p.destination, p.amount, p.lots, p.lot_deltas
from transactions t
-- The offset has each of them looked up: else PostgreSQL may compare all postings with all of these.
cross join lateral (select * from postings where shard = :shard and id >= t.id and id < t.id + t.postings offset 0) as p
where t.shard = :shard and t.reverses = any(:ids::bigint[]);

-- name: write_batch$
select write_batch(
    :shard::int, :batch::bigint, :transactions::new_transaction[], :postings::new_posting[], :events::new_event[],
    :lots::new_lot[], :changed_lots::changed_lot[], :holds::new_hold[], :changed_holds::changed_hold[], :accounts::decided_account[],
    :requests::new_request[], :record_time::timestamptz, :programs::int[], :close_times::timestamptz[],
    :latest::timestamptz
);

-- name: open_accounts
-- Sorted by name, so that two batches that open the same accounts wait for each other instead of locking each other out.
-- Those that are not returned were opened by another one meanwhile.
insert into accounts (
    shard, id, program, unit, kind, name, create_time,
    version, posted, held, pending, debt, available, earned, spent, record_time, valid_until
)
select
    :shard::int, n.id, n.program, n.unit, n.kind, n.name, n.create_time,
    n.version, n.posted, n.held, n.pending, n.debt, n.available, n.earned, n.spent, n.record_time, n.valid_until
from unnest(:ids::bigint[], :programs::int[], :units::int[], :kinds::smallint[], :names::text[],
            :create_times::timestamptz[], :versions::bigint[], :posted::bigint[], :held::bigint[], :pending::bigint[],
            :debts::bigint[], :available::bigint[], :earned::bigint[], :spent::bigint[],
            :record_times::timestamptz[], :valid_until::timestamptz[])
    as n (id, program, unit, kind, name, create_time,
          version, posted, held, pending, debt, available, earned, spent, record_time, valid_until)
order by n.program, n.name
on conflict do nothing
returning id;

-- name: update_states!
update accounts a
set state = n.state
from unnest(:ids::bigint[], :states::smallint[]) as n (id, state)
where a.shard = :shard and a.id = n.id;

-- name: update_lot_times!
update lots l
set expire_time = n.expire_time, available_time = n.available_time,
    first_expire_time = coalesce(l.first_expire_time, l.expire_time),
    first_available_time = coalesce(l.first_available_time, l.available_time)
from unnest(:ids::bigint[], :expire_times::timestamptz[], :available_times::timestamptz[])
    as n (id, expire_time, available_time)
where l.shard = :shard and l.id = n.id;

-- name: drop_requests!
delete from ledger_requests
where shard = :shard and key in (
    select key from ledger_requests where shard = :shard and record_time < :before limit :limit
);
