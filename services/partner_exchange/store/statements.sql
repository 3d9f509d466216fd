-- name: balance_before^
-- What a party was owed for all windows before one, less what it owed and what was settled meanwhile. Whether all of
-- those windows are counted.
select
    (
        select coalesce(sum(net), 0)::numeric from settlement_nets
        where coalition = :coalition and party = :party and number < :number
    ) - (
        select coalesce(sum(one.net), 0)::numeric
        from settlement_windows as paid
        join settlement_participants as one
            on one.coalition = paid.coalition and one.number = paid.number and one.attempt = paid.attempt
        where paid.coalition = :coalition and paid.paid_in < :number and one.partner = :party
    ) as balance,
    not exists (
        select from settlement_windows
        where coalition = :coalition and number < :number and count_time is null
    ) as counted;

-- name: pairs_of_party
-- Who a party owes, and who owes it, for a window that is counted.
select payer, payee, exact_numerator, exact_denominator, amount
from settlement_amounts
where coalition = :coalition and number = :number and (payer = :party or payee = :party)
order by payer, payee;

-- name: pairs_so_far
-- The same of one that is not.
select distinct payer, payee from obligations
where coalition = :coalition and settlement_window = :number and (payer = :party or payee = :party)
order by payer, payee;

-- name: lines_between
select kind, entry, commit_time, debited, received, points, price_numerator, price_denominator
from obligations
where
    coalition = :coalition and settlement_window = :number and payer = :payer and payee = :payee
    and (commit_time, kind, entry) > (:after_time::timestamptz, :after_kind::text, :after_entry::text)
order by commit_time, kind, entry
limit :most;

-- name: settled_in
-- What a party paid or got for other windows while this one was open.
select paid.number, paid.settle_time, one.net
from settlement_windows as paid
join settlement_participants as one
    on one.coalition = paid.coalition and one.number = paid.number and one.attempt = paid.attempt
where
    paid.coalition = :coalition and paid.paid_in = :number and one.partner = :party and one.net <> 0
    and paid.number > :after
order by paid.number;

-- name: lines_of_entries
-- Of the exchanges and reversals named, those in a window by which a party owes or is owed.
select entry, payer, payee, debited, received
from obligations
where
    entry = any(:entries::text[]) and kind in ('EXCHANGE', 'REVERSAL') and coalition = :coalition
    and settlement_window = :number and (payer = :party or payee = :party);
