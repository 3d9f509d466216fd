-- name: lock_exchange^
-- The exchange's reversals wait for each other from here on.
select sources, returned from exchanges where exchange = :exchange for no key update;

-- name: count_returned!
update exchanges set returned = returned + :points where exchange = :exchange;

-- name: insert_reversal!
insert into reversals (
    reversal, exchange, coalition, payer, payee, price_numerator, price_denominator, returned, taken_back, promoted_back, funder,
    legs, reason, state, actor, create_time, due_time
)
select
    :reversal, exchange, coalition, receiver, sender, price_numerator, price_denominator, :returned, :taken_back,
    :promoted_back, funder, :legs, :reason, 'POSTING', :actor, :create_time, :due_time
from exchanges
where exchange = :exchange;

-- name: find_reversal^
select
    reversal, exchange, returned, taken_back, promoted_back, legs, reason, state, refusal_reason, refusal_metadata,
    commit_time, actor, create_time
from reversals
where reversal = :reversal;

-- name: reversal_under_way$
select exists (select from reversals where exchange = :exchange and state = 'POSTING');

-- name: reversals_of_exchange
select
    reversal, exchange, returned, taken_back, promoted_back, legs, reason, state, refusal_reason, refusal_metadata,
    commit_time, actor, create_time
from reversals
where exchange = :exchange
order by create_time, reversal
limit :most;

-- name: ask_reversal^
-- Notes that another attempt begins, later than all before it, and answers when the last of those did.
update reversals
set asked_before = ask_time, ask_time = greatest(:ask_time::timestamptz, ask_time + interval '1 microsecond')
where reversal = :reversal and state = 'POSTING'
returning asked_before, ask_time;

-- name: commit_reversal!
-- With the window that is open, and stays so until this is committed.
update reversals
set
    state = 'COMMITTED', settlement_window = open_window(coalition), transaction = :transaction,
    commit_time = :commit_time, due_time = null
where reversal = :reversal and state = 'POSTING';

-- name: abort_reversal!
update reversals
set state = 'ABORTED', refusal_reason = :refusal_reason, refusal_metadata = :refusal_metadata, due_time = null
where
    reversal = :reversal and state = 'POSTING'
    and (:ask_time::timestamptz is null or ask_time = :ask_time::timestamptz);

-- name: claim_reversals
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select reversal from reversals
    where due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update reversals
set due_time = :lease_time, attempts = attempts + 1
from due
where reversals.reversal = due.reversal
returning reversals.reversal, reversals.attempts;

-- name: postpone_reversal!
update reversals set due_time = :due_time where reversal = :reversal and due_time is not null;
