-- name: insert_window!
insert into settlement_windows (coalition, number, state, open_time) values (:coalition, :number, 'OPEN', :open_time);

-- name: fence_windows
-- Waits for all that is being stamped with the open window, and holds up what comes after, until the transaction ends.
select pg_advisory_xact_lock(window_fence(:coalition));

-- name: find_window^
select
    coalition, number, state, open_time, close_time, closer, count_time, attempt, settler, aborter, settle_time, paid_in,
    mismatch
from settlement_windows
where coalition = :coalition and number = :number;

-- name: lock_window^
select
    coalition, number, state, open_time, close_time, closer, count_time, attempt, settler, aborter, settle_time, paid_in,
    mismatch
from settlement_windows
where coalition = :coalition and number = :number
for no key update;

-- name: keep_window_open$
-- Whoever will stamp something takes the fence before any row, as all do: who waits for it holds nothing else.
select open_window(:coalition);

-- name: open_window_of$
select number from settlement_windows where coalition = :coalition and state = 'OPEN';

-- name: list_windows
select
    coalition, number, state, open_time, close_time, closer, count_time, attempt, settler, aborter, settle_time, paid_in,
    mismatch
from settlement_windows
where coalition = :coalition and number < :before
order by number desc
limit :most;

-- name: close_window!
update settlement_windows set state = 'CLOSED', close_time = :close_time, closer = :closer, due_time = :due_time
where coalition = :coalition and number = :number;

-- name: sum_obligations
-- What one party owes the others, for each reason and at each price: a step of counting a window, so that no statement
-- is long.
select payee, kind, price_numerator, price_denominator, count(*) as entries, sum(points)::numeric as points
from obligations
where coalition = :coalition and settlement_window = :number and payer = :payer
group by payee, kind, price_numerator, price_denominator;

-- name: insert_amounts!
insert into settlement_amounts (
    coalition, number, payer, payee, entries, exact_numerator, exact_denominator, amount
)
select :coalition, :number, pair.*
from unnest(
    :payers::text[], :payees::text[], :entries::bigint[], :numerators::numeric[], :denominators::numeric[],
    :amounts::bigint[]
) as pair;

-- name: insert_nets!
insert into settlement_nets (coalition, number, party, net)
select :coalition, :number, one.* from unnest(:parties::text[], :nets::bigint[]) as one;

-- name: counted!
update settlement_windows set count_time = :count_time, due_time = null, attempts = 0
where coalition = :coalition and number = :number and count_time is null;

-- name: amounts_of
select payer, payee, entries, exact_numerator, exact_denominator, amount
from settlement_amounts
where coalition = :coalition and number = :number
order by payer, payee;

-- name: claim_windows
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select coalition, number from settlement_windows
    where due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update settlement_windows
set due_time = :lease_time, attempts = attempts + 1
from due
where settlement_windows.coalition = due.coalition and settlement_windows.number = due.number
returning settlement_windows.coalition, settlement_windows.number, settlement_windows.attempts;

-- name: postpone_window!
update settlement_windows set due_time = :due_time
where coalition = :coalition and number = :number and due_time is not null;

-- name: under_way
-- Exchanges that are not at their end. What the ledger has posted and no window has is among them: an exchange is
-- kept before the ledger is asked, and leaves them in the update that stamps it.
select
    exchange, sender, receiver, state, create_time
from exchanges
where coalition = :coalition and due_time is not null and (create_time, exchange) > (:after_time::timestamptz, :after::text)
order by create_time, exchange
limit :most;

-- name: settled_exchanges
-- An exchange is settled when its window is: its own row says nothing of that.
select one.exchange
from exchanges as one
join settlement_windows as windows on windows.coalition = one.coalition and windows.number = one.settlement_window
where one.exchange = any(:exchanges::text[]) and windows.state = 'SETTLED';
