-- name: insert_quote!
insert into quotes (
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
)
values (
    :quote, :coalition, :version, :sender, :receiver, :source_account, :destination_account, :numerator, :denominator,
    :send, :receive_at_least, :debited, :received, :bonus, :fee, :cash_fee, :promotion, :funder, :promoted, :remainder,
    :bonus_cap, :bonus_period, :create_time, :expire_time
);

-- name: find_quote^
select
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time
from quotes
where sender = :sender and quote = :quote;

-- name: lock_quote^
select
    quote, coalition, version, sender, receiver, source_account, destination_account, numerator, denominator, send,
    receive_at_least, debited, received, bonus, fee, cash_fee, promotion, funder, promoted, remainder, bonus_cap,
    bonus_period, create_time, expire_time, use_time
from quotes
where sender = :sender and quote = :quote
for no key update;

-- name: fence_quotes!
-- Waits for every exchange that is being accepted or quoted, and holds up what comes after, until the transaction ends.
lock table quotes in exclusive mode;

-- name: use_quote!
update quotes set use_time = :use_time where quote = :quote;

-- name: prune_quotes!
-- What an exchange needs of its quote it has itself.
delete from quotes where quote in (select quote from quotes where expire_time < :before limit :most);
