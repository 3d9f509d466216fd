-- name: accept_exchanges^
-- With the quotes that they use up, and the requests that asked for them; answers how many of each are new, and how often
-- what exchanges are made by had changed by then.
with used as (
    update quotes set use_time = given.create_time
    from jsonb_to_recordset(:exchanges) as given (exchange text, create_time timestamptz)
    where quotes.quote = given.exchange
),

asked as (
    insert into requests (key, digest, fields, outcome)
    select * from unnest(:keys::bytea[], :digests::bytea[], :fields::bytea[], :outcomes::bytea[])
    on conflict do nothing
    returning key
),

accepted as (
    insert into exchanges (
        exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
        fee, cash_fee, promotion, funder, promoted, bonus_period, bonus_begin_date, price_numerator, price_denominator,
        state, asked, authorization_reference, actor, create_time, due_time, legs, sources, locked, ask_times
    )
    select
        exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
        fee, cash_fee, promotion, funder, promoted, bonus_period, bonus_begin_date, price_numerator, price_denominator,
        state, asked, authorization_reference, actor, create_time, due_time, legs, sources, locked, ask_times
    from jsonb_populate_recordset(null::exchanges, :exchanges)
    -- What a member has authorized is good for one exchange.
    on conflict (sender, authorization_reference) where authorization_reference is not null do nothing
    returning exchange
)

select
    (select count(*) from accepted) as accepted,
    (select count(*) from asked) as asked,
    (select number from changes) as changes;

-- name: find_exchanges
select
    exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
    fee, cash_fee, promotion, funder, promoted, bonus_period, bonus_begin_date, state, legs, locked, refusal_reason,
    refusal_metadata, transaction, reservation, credit, state_time, unanswered, needs_operator, commit_time,
    price_numerator, price_denominator, returned, authorization_reference, actor,
    create_time
from exchanges
where exchange = any(:exchanges::text[]);

-- name: exchanges_before_operator
select exchange from exchanges
where
    coalition = :coalition and needs_operator
    and (create_time, exchange) > (:after_time::timestamptz, :after_exchange::text)
order by create_time, exchange
limit :most;

-- name: begin_posting
-- Answers which of them were RECEIVED until now. Changes no column that an index has: the row stays where it is.
update exchanges
set
    state = 'POSTING', legs = given.legs, sources = given.sources, locked = given.locked,
    ask_times = array[given.ask_time]
from jsonb_to_recordset(:begun) as given (
    exchange text, legs jsonb, sources jsonb, locked jsonb, ask_time timestamptz
)
where exchanges.exchange = given.exchange and exchanges.state = 'RECEIVED'
returning exchanges.exchange;

-- name: look_again!
-- What the ledger was asked with is void, whoever asked it and when: it is asked anew, unless somebody else has seen to it.
update exchanges
set
    legs = :legs, sources = :sources, locked = :locked, ask_times = array[:ask_time::timestamptz], due_time = :due_time
where exchange = :exchange and state = :state and locked = :void;

-- name: commit_exchanges
-- With the windows that are open, and stay so until this is committed; the fences of several coalitions in one order.
-- Answers which of them were in the state `before`.
with stamps as materialized (
    select found.coalition, open_window(found.coalition) as number
    from (select distinct coalition from exchanges where exchange = any(:exchanges::text[]) order by coalition) as found
)
update exchanges
set
    state = 'COMMITTED', settlement_window = stamps.number, transaction = given.transaction,
    commit_time = given.commit_time, due_time = null, asked = null, unanswered = 0, needs_operator = false
from
    unnest(:exchanges::text[], :transactions::text[], :commit_times::timestamptz[])
        as given (exchange, transaction, commit_time),
    stamps
where exchanges.exchange = given.exchange and exchanges.state = :before and stamps.coalition = exchanges.coalition
returning exchanges.exchange;

-- name: abort_exchange!
update exchanges
set
    state = 'ABORTED', refusal_reason = :refusal_reason, refusal_metadata = :refusal_metadata, due_time = null,
    asked = null, unanswered = 0, needs_operator = false
where
    exchange = :exchange and state = :before
    and (:ask_time::timestamptz is null or ask_times[cardinality(ask_times)] = :ask_time::timestamptz);

-- name: move_exchange!
-- From one state to the next; both sides' words are kept with it. The side that is then asked is asked for the first time.
update exchanges
set
    state = :state, legs = coalesce(:legs, legs), sources = coalesce(:sources, sources), locked = :locked,
    reservation = :reservation, credit = :credit,
    refusal_reason = :refusal_reason, refusal_metadata = :refusal_metadata, asked = :asked, state_time = :now,
    ask_times = array[:now::timestamptz], unanswered = 0, needs_operator = false, due_time = :due_time, attempts = 0
where
    exchange = :exchange and state = :before
    and (:ask_time::timestamptz is null or ask_times[cardinality(ask_times)] = :ask_time::timestamptz);

-- name: not_answered^
-- The side that is asked has not answered, or not as it may; answers whether it is put before the operator by that.
with before as (
    select exchange, needs_operator from exchanges
    where exchange = :exchange and state = :state
    for no key update
)
update exchanges
set unanswered = unanswered + (asked is not null)::int, needs_operator = exchanges.needs_operator or :needs_operator
from before
where exchanges.exchange = before.exchange
returning exchanges.needs_operator and not before.needs_operator as newly;

-- name: ask_again^
-- Notes that another attempt begins, later than all that may be under way, and answers when the last of those did.
with before as (
    select exchange, ask_times[cardinality(ask_times)] as ask_time from exchanges
    where exchange = :exchange and state = :state
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
where exchange = :exchange and state = :state;

-- name: list_exchanges
select
    exchange, coalition, version, sender, receiver, source_account, destination_account, debited, received, bonus,
    fee, cash_fee, promotion, funder, promoted, bonus_period, bonus_begin_date, state, legs, locked, refusal_reason,
    refusal_metadata, transaction, reservation, credit, state_time, unanswered, needs_operator, commit_time,
    price_numerator, price_denominator, returned, authorization_reference, actor,
    create_time
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
    coalition = :coalition and settlement_window = :number and state = 'COMMITTED'
    and (sender, receiver) > (:after_sender::text, :after_receiver::text)
    and (sender, receiver) <= (:last_sender::text, :last_receiver::text)
group by sender, receiver, price_numerator, price_denominator
order by sender, receiver;

-- name: pairs_with_positions
select distinct sender, receiver
from exchanges
where
    coalition = :coalition and settlement_window = :number and state = 'COMMITTED'
    and (sender, receiver) > (:after_sender::text, :after_receiver::text)
order by sender, receiver
limit :most;

-- name: claim_exchanges
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select exchange from exchanges
    where due_time <= :now and asked is null
    order by due_time
    limit :most
    for update skip locked
)
update exchanges
set due_time = :lease_time, attempts = attempts + 1
from due
where exchanges.exchange = due.exchange
returning exchanges.exchange, exchanges.attempts;

-- name: claim_asked
-- The same of what one remote partner is asked.
with due as (
    select exchange from exchanges
    where due_time <= :now and asked = :asked
    order by due_time
    limit :most
    for update skip locked
)
update exchanges
set due_time = :lease_time, attempts = attempts + 1
from due
where exchanges.exchange = due.exchange
returning exchanges.exchange, exchanges.attempts;

-- name: partners_due
-- Remote partners that have to be asked something by now.
select partner from partners
where
    target is not null
    and exists (select from exchanges where exchanges.asked = partners.partner and exchanges.due_time <= :now);

-- name: postpone_exchange!
-- Only what is still on its way: one at its end has no due time, and is given none.
update exchanges set due_time = :due_time where exchange = :exchange and due_time is not null;
