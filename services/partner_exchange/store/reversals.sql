-- name: lock_exchange^
-- The exchange's reversals wait for each other from here on.
select sources, returned from exchanges where exchange = :exchange for no key update;

-- name: count_returned!
update exchanges set returned = returned + :points where exchange = :exchange;

-- name: insert_reversal!
insert into reversals (
    reversal, exchange, coalition, payer, payee, price_numerator, price_denominator, returned, taken_back, promoted_back, funder,
    legs, reason, state, asked, actor, create_time, due_time
)
select
    :reversal, exchange, coalition, receiver, sender, price_numerator, price_denominator, :returned, :taken_back,
    :promoted_back, funder, :legs, :reason, :state, :asked, :actor, :create_time, :due_time
from exchanges
where exchange = :exchange;

-- name: find_reversal^
select
    reversal, exchange, returned, taken_back, promoted_back, legs, reason, state, refusal_reason, refusal_metadata,
    reservation, credit, state_time, unanswered, needs_operator, transaction, commit_time, actor, create_time
from reversals
where reversal = :reversal;

-- name: lock_reversal!
select from reversals where reversal = :reversal for no key update;

-- name: reversal_under_way$
select exists (select from reversals where exchange = :exchange and state not in ('COMMITTED', 'ABORTED'));

-- name: reversals_of_exchange
select
    reversal, exchange, returned, taken_back, promoted_back, legs, reason, state, refusal_reason, refusal_metadata,
    reservation, credit, state_time, unanswered, needs_operator, transaction, commit_time, actor, create_time
from reversals
where exchange = :exchange
order by create_time, reversal
limit :most;

-- name: reversals_before_operator
select
    reversal, exchange, returned, taken_back, promoted_back, legs, reason, state, refusal_reason, refusal_metadata,
    reservation, credit, state_time, unanswered, needs_operator, transaction, commit_time, actor, create_time
from reversals
where
    coalition = :coalition and needs_operator
    and (create_time, reversal) > (:after_time::timestamptz, :after_reversal::text)
order by create_time, reversal
limit :most;

-- name: ask_reversal_again^
-- Notes that another attempt begins, later than all that may be under way, and answers when the last of those did.
with before as (
    select reversal, ask_times[cardinality(ask_times)] as ask_time from reversals
    where reversal = :reversal and state = :state
    for no key update
)
update reversals
set ask_times = ask_times || greatest(:ask_time::timestamptz, before.ask_time + interval '1 microsecond')
from before
where reversals.reversal = before.reversal
returning before.ask_time as asked_before, ask_times[cardinality(ask_times)] as ask_time;

-- name: reversal_answered!
-- The attempt that began at `ask_time` is over.
update reversals
set ask_times = array_remove(ask_times, :ask_time::timestamptz)
where reversal = :reversal and state = :state;

-- name: reversal_not_answered^
-- The side that is asked has not answered, or not as it may; answers whether it is put before the operator by that.
with before as (
    select reversal, needs_operator from reversals
    where reversal = :reversal and state = :state
    for no key update
)
update reversals
set unanswered = unanswered + (asked is not null)::int, needs_operator = reversals.needs_operator or :needs_operator
from before
where reversals.reversal = before.reversal
returning reversals.needs_operator and not before.needs_operator as newly;

-- name: move_reversal!
-- From one state to the next; both sides' words are kept with it. The side that is then asked is asked for the first time.
update reversals
set
    state = :state, reservation = :reservation, credit = :credit, refusal_reason = :refusal_reason,
    refusal_metadata = :refusal_metadata, asked = :asked, state_time = :now, ask_times = array[:now::timestamptz],
    unanswered = 0, needs_operator = false, due_time = :due_time, attempts = 0
where
    reversal = :reversal and state = :before
    and (:ask_time::timestamptz is null or ask_times[cardinality(ask_times)] = :ask_time::timestamptz);

-- name: commit_reversal!
-- With the window that is open, and stays so until this is committed.
update reversals
set
    state = 'COMMITTED', settlement_window = open_window(coalition), transaction = :transaction,
    commit_time = :commit_time, due_time = null, asked = null, unanswered = 0, needs_operator = false
where reversal = :reversal and state = :before;

-- name: abort_reversal!
update reversals
set
    state = 'ABORTED', refusal_reason = :refusal_reason, refusal_metadata = :refusal_metadata, due_time = null,
    asked = null, unanswered = 0, needs_operator = false
where
    reversal = :reversal and state = :before
    and (:ask_time::timestamptz is null or ask_times[cardinality(ask_times)] = :ask_time::timestamptz);

-- name: claim_reversals
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select reversal from reversals
    where due_time <= :now and asked is null
    order by due_time
    limit :most
    for update skip locked
)
update reversals
set due_time = :lease_time, attempts = attempts + 1
from due
where reversals.reversal = due.reversal
returning reversals.reversal, reversals.attempts;

-- name: claim_reversals_asked
-- The same of what one remote partner is asked.
with due as (
    select reversal from reversals
    where due_time <= :now and asked = :asked
    order by due_time
    limit :most
    for update skip locked
)
update reversals
set due_time = :lease_time, attempts = attempts + 1
from due
where reversals.reversal = due.reversal
returning reversals.reversal, reversals.attempts;

-- name: partners_due_for_reversals
-- Remote partners that have to be asked something of a reversal by now.
select partner from partners
where
    target is not null
    and exists (select from reversals where reversals.asked = partners.partner and reversals.due_time <= :now);

-- name: postpone_reversal!
update reversals set due_time = :due_time where reversal = :reversal and due_time is not null;
