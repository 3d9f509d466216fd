-- name: find_billed^
select unbilled_month, numerator, denominator, currency_code
from budget_terms
where organisation = :organisation and mode = 'billed_on_redemption';

-- name: lock_billed^
select unbilled_month, numerator, denominator, currency_code
from budget_terms
where organisation = :organisation and mode = 'billed_on_redemption'
for no key update skip locked;

-- name: insert_statement!
insert into billing_statements (
    organisation, month, redeemed_points, returned_points, numerator, denominator, currency_code, create_time
)
values (
    :organisation, :month, :redeemed_points, :returned_points, :numerator, :denominator, :currency_code, :create_time
);

-- name: insert_billable_redemptions!
insert into billable_redemptions (organisation, month, position, person, transaction, points, record_time)
select
    organisation, month, row_number() over (order by record_time, transaction, person), person, transaction, points,
    record_time
from redemptions
where organisation = :organisation and month = :month;

-- name: advance_billing!
update budget_terms set unbilled_month = :next_month where organisation = :organisation;

-- name: find_statement^
select redeemed_points, returned_points, numerator, denominator, currency_code
from billing_statements
where organisation = :organisation and month = :month;

-- name: list_billable_redemptions
select position, person, transaction, points, record_time
from billable_redemptions
where organisation = :organisation and month = :month and position > :after
order by position
limit :most;

-- name: unbilled_organisations
-- Of those that are billed on redemption. Whoever closes the month looks at its end again.
select organisation
from budget_terms
join organisations using (organisation)
join journal_positions using (program)
where unbilled_month is not null
    and (unbilled_month + interval '1 month') at time zone time_zone <= counted_time
order by unbilled_month, organisation
limit :most;
