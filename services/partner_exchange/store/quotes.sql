-- name: insert_quotes!
insert into quotes (
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
)
select
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
from jsonb_populate_recordset(null::quotes, :quotes);

-- name: make_quotes
-- Keeps the quotes whose requests are new, with the requests, where nothing has changed since that quotes are made by;
-- answers which. A fence is waited for before the changes are looked at.
with fresh as (
    insert into requests (key, digest, fields, outcome)
    select given.key, given.digest, given.fields, given.outcome
    from
        unnest(:keys::bytea[], :digests::bytea[], :fields::bytea[], :outcomes::bytea[])
            as given (key, digest, fields, outcome)
    where (select number from changes) = :changes
    on conflict do nothing
    returning outcome
)
insert into quotes (
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
)
select
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
from jsonb_populate_recordset(null::quotes, :quotes) as made
where exists (select from fresh where fresh.outcome = convert_to(made.quote, 'UTF8'))
returning quote;

-- name: find_quotes
select
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
from quotes
where sender = :sender and quote = any(:quotes::text[]);

-- name: lock_quotes
-- In one order, so that no two wait for each other.
select quote, use_time is not null as is_used
from quotes
where sender = :sender and quote = any(:quotes::text[])
order by quote
for no key update;

-- name: fence_quotes!
-- Waits for every exchange that is being accepted or quoted, and holds up what comes after, until the transaction ends.
lock table quotes in exclusive mode;

-- name: prune_quotes!
-- What an exchange needs of its quote it has itself.
delete from quotes where quote in (select quote from quotes where expire_time < :before limit :most);
