-- name: insert_exchange!
insert into exchanges (
    exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
    fee, cash_fee, promotion, funder, promoted, price_numerator, price_denominator, state, actor, create_time, due_time
)
values (
    :exchange, :coalition, :version, :sender, :receiver, :source_account, :destination_account, :debited, :received,
    :bonus, :fee, :cash_fee, :promotion, :funder, :promoted, :price_numerator, :price_denominator, 'RECEIVED', :actor,
    :create_time, :due_time
);

-- name: find_exchange^
select
    exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
    fee, cash_fee, promotion, funder, promoted, state, legs, refusal_reason, refusal_metadata, transaction, commit_time, price_numerator,
    price_denominator, actor, create_time
from exchanges
where exchange = :exchange;

-- name: begin_posting!
update exchanges set state = 'POSTING', legs = :legs, ask_times = array[:ask_time::timestamptz], due_time = :due_time
where exchange = :exchange and state = 'RECEIVED';

-- name: commit_exchange!
update exchanges
set state = 'COMMITTED', transaction = :transaction, commit_time = :commit_time, due_time = null
where exchange = :exchange and state = 'POSTING';

-- name: abort_exchange!
update exchanges
set state = 'ABORTED', refusal_reason = :refusal_reason, refusal_metadata = :refusal_metadata, due_time = null
where
    exchange = :exchange and state = 'POSTING'
    and (:ask_time::timestamptz is null or ask_times[cardinality(ask_times)] = :ask_time::timestamptz);

-- name: ask_again^
-- Notes that another attempt begins, later than all that may be under way, and answers when the last of those did.
with before as (
    select exchange, ask_times[cardinality(ask_times)] as ask_time from exchanges
    where exchange = :exchange and state = 'POSTING'
    for no key update
)
update exchanges
set ask_times = ask_times || greatest(:ask_time::timestamptz, before.ask_time + interval '1 microsecond')
from before
where exchanges.exchange = before.exchange
returning before.ask_time as asked_before, ask_times[cardinality(ask_times)] as ask_time;

-- name: answered!
-- The attempt that began at `ask_time` is over.
update exchanges
set ask_times = array_remove(ask_times, :ask_time::timestamptz)
where exchange = :exchange and state = 'POSTING';

-- name: list_exchanges
select
    exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
    fee, cash_fee, promotion, funder, promoted, state, legs, refusal_reason, refusal_metadata, transaction, commit_time, price_numerator,
    price_denominator, actor, create_time
from exchanges
where
    (sender = :partner or receiver = :partner)
    and (create_time, exchange) < (:before_time::timestamptz, :before_exchange::text)
order by create_time desc, exchange desc
limit :most;

-- name: list_positions
-- At one price each pair's sums are exact; a price that changed adds a row.
select
    sender, receiver, price_numerator, price_denominator, count(*) as exchanges, sum(debited)::numeric as debited,
    sum(received)::numeric as received
from exchanges
where
    coalition = :coalition and state = 'COMMITTED'
    and (sender, receiver) > (:after_sender::text, :after_receiver::text)
    and (sender, receiver) <= (:last_sender::text, :last_receiver::text)
group by sender, receiver, price_numerator, price_denominator
order by sender, receiver;

-- name: pairs_with_positions
select distinct sender, receiver
from exchanges
where
    coalition = :coalition and state = 'COMMITTED'
    and (sender, receiver) > (:after_sender::text, :after_receiver::text)
order by sender, receiver
limit :most;

-- name: claim_exchanges
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select exchange from exchanges
    where due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update exchanges
set due_time = :lease_time, attempts = attempts + 1
from due
where exchanges.exchange = due.exchange
returning exchanges.exchange, exchanges.attempts;

-- name: postpone_exchange!
-- Only what is still on its way: one at its end has no due time, and is given none.
update exchanges set due_time = :due_time where exchange = :exchange and due_time is not null;
