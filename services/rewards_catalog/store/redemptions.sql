-- name: insert_redemption!
insert into redemptions (
    program, id, reward, reward_version, account, title, unit, price, cash, cash_currency, value, value_currency,
    payment_end_time, fulfilment, wallet, actor, request_key, create_time, hold_expire_time, locked_points,
    locked_version, locked_until, destination, least_received, state, update_time, due_time
)
values (
    :program, :id, :reward, :reward_version, :account, :title, :unit, :price, :cash, :cash_currency, :value, :value_currency,
    :payment_end_time, :fulfilment, :wallet, :actor, :request_key, :create_time, :hold_expire_time, :locked_points,
    :locked_version, :locked_until, :destination, :least_received, :state, :update_time, :due_time
);

-- name: find_redemption^
select
    program, id, reward, reward_version, account, title, unit, price, cash, cash_currency, value, value_currency,
    payment_end_time, payment, fulfilment, actor, request_key, create_time, hold_expire_time, state, failure_reason, failure_metadata, hold,
    locked_points, locked_version, locked_until, transaction, wallet, credit, destination, least_received, quote, received,
    lapsed_quotes, exchange_asks, refund_transaction,
    refunding, refunded, refunds, fulfil_time, asks, ask_time, update_time
from redemptions
where program = :program and id = :id;

-- name: lock_redemption^
select
    program, id, reward, reward_version, account, title, unit, price, cash, cash_currency, value, value_currency,
    payment_end_time, payment, fulfilment, actor, request_key, create_time, hold_expire_time, state, failure_reason, failure_metadata, hold,
    locked_points, locked_version, locked_until, transaction, wallet, credit, destination, least_received, quote, received,
    lapsed_quotes, exchange_asks, refund_transaction,
    refunding, refunded, refunds, fulfil_time, asks, ask_time, update_time
from redemptions
where program = :program and id = :id
for no key update;

-- name: move_redemption!
-- From one state to the next, unless somebody else has moved it, perhaps as far as to the same state of a later refund,
-- or has decided otherwise about its failure or what is locked, or has a quote executed.
update redemptions
set
    state = :state, price = :price, failure_reason = :failure_reason, failure_metadata = :failure_metadata, hold = :hold,
    locked_points = :locked_points, locked_version = :locked_version, locked_until = :locked_until,
    transaction = :transaction, credit = :credit, wallet = :wallet, payment = :payment, refund_transaction = :refund_transaction, refunding = :refunding, refunded = :refunded,
    quote = :quote, received = :received, lapsed_quotes = :lapsed_quotes, exchange_asks = :exchange_asks,
    refunds = :refunds, asks = :asks, ask_time = :ask_time, update_time = :update_time,
    fulfil_time = case when :state::text = 'FULFILLED' then coalesce(fulfil_time, :update_time) else fulfil_time end,
    due_time = :due_time, attempts = 0
where
    program = :program and id = :id and state = :from_state and refunds = :from_refunds
    and failure_reason is not distinct from :from_failure_reason::text
    and locked_version is not distinct from :from_locked_version::bigint
    and locked_until is not distinct from :from_locked_until::timestamptz
    and lapsed_quotes = :from_lapsed_quotes and exchange_asks = :from_exchange_asks;

-- name: list_redemptions
select
    program, id, reward, reward_version, account, title, unit, price, cash, cash_currency, value, value_currency,
    payment_end_time, payment, fulfilment, actor, request_key, create_time, hold_expire_time, state, failure_reason, failure_metadata, hold,
    locked_points, locked_version, locked_until, transaction, wallet, credit, destination, least_received, quote, received,
    lapsed_quotes, exchange_asks, refund_transaction,
    refunding, refunded, refunds, fulfil_time, asks, ask_time, update_time
from redemptions
where program = :program and (create_time, id) < (:before_time::timestamptz, :before_id::text)
order by create_time desc, id desc
limit :most;

-- name: list_redemptions_of_account
select
    program, id, reward, reward_version, account, title, unit, price, cash, cash_currency, value, value_currency,
    payment_end_time, payment, fulfilment, actor, request_key, create_time, hold_expire_time, state, failure_reason, failure_metadata, hold,
    locked_points, locked_version, locked_until, transaction, wallet, credit, destination, least_received, quote, received,
    lapsed_quotes, exchange_asks, refund_transaction,
    refunding, refunded, refunds, fulfil_time, asks, ask_time, update_time
from redemptions
where
    program = :program and account = :account
    and (create_time, id) < (:before_time::timestamptz, :before_id::text)
order by create_time desc, id desc
limit :most;

-- name: count_redemptions_in_span$
-- Of one account; run while this transaction holds its row of takings, so nobody else adds one.
select count(*) from (
    select from redemptions
    where
        program = :program and reward = :reward and account = :account and id <> :except_id
        and create_time >= :start_time and create_time < :end_time
        and (
            state in ('STOCK_RESERVED', 'AWAITING_PAYMENT', 'PAID', 'CAPTURED', 'ISSUED', 'FULFILLED', 'REFUNDING',
                      'FULFILMENT_UNKNOWN', 'EXCHANGING')
            -- It was handed over, and its points stay spent.
            or (state = 'REFUND_REFUSED' and fulfil_time is not null)
        )
    limit :most
) as counted;

-- name: claim_redemptions
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select program, id from redemptions
    where due_time <= :now and state not in ('FULFILMENT_UNKNOWN', 'EXCHANGING')
    order by due_time
    limit :most
    for update skip locked
)
update redemptions
set due_time = :lease_end, attempts = attempts + 1
from due
where redemptions.program = due.program and redemptions.id = due.id
returning redemptions.program, redemptions.id, redemptions.attempts;

-- name: claim_unknown_fulfilments
-- The same of those whose providers, or whose coalition, are to be asked again.
with due as (
    select program, id from redemptions
    where due_time <= :now and state in ('FULFILMENT_UNKNOWN', 'EXCHANGING')
    order by due_time
    limit :most
    for update skip locked
)
update redemptions
set due_time = :lease_end, attempts = attempts + 1
from due
where redemptions.program = due.program and redemptions.id = due.id
returning redemptions.program, redemptions.id, redemptions.attempts;

-- name: put_off_redemption!
-- Only what is still on its way: one that rests has no due time, and is given none.
update redemptions set due_time = :due_time
where program = :program and id = :id and due_time is not null;

-- name: forget_request!
-- After a failure that may pass: the same request may be tried anew.
delete from requests where key = :key;
