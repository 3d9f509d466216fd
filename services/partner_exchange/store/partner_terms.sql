-- name: update_partner!
update partners
set
    display_name = :display_name, price_numerator = :price_numerator, price_denominator = :price_denominator,
    received_lifetime_days = :received_lifetime_days
where partner = :partner;

-- name: add_price!
insert into agreed_prices (partner, version, numerator, denominator, actor, create_time)
select :partner, coalesce(max(version), 0) + 1, :numerator, :denominator, :actor, :create_time
from agreed_prices where partner = :partner;

-- name: list_prices
select version, numerator, denominator, actor, create_time
from agreed_prices
where partner = :partner and version < :before
order by version desc
limit :most;
