-- name: find_reward_owners
-- Whose rewards these accounts have, of this organisation.
select person, rewards_account
from people
where organisation = :organisation and rewards_account = any(:accounts::text[]);

-- name: insert_statement$
-- The organisation, or nothing where somebody else has stored it.
insert into billing_statements (
    organisation, month, redeemed_points, returned_points, numerator, denominator, currency_code, create_time
)
values (
    :organisation, :month, :redeemed_points, :returned_points, :numerator, :denominator, :currency_code, :create_time
)
on conflict do nothing
returning organisation;

-- name: insert_billable_redemptions!
insert into billable_redemptions (organisation, month, position, person, transaction, points, record_time)
select :organisation, :month, ordinality, person, transaction, points, record_time
from unnest(:people::text[], :transactions::text[], :points::bigint[], :record_times::timestamptz[])
    with ordinality as redeemed (person, transaction, points, record_time, ordinality);

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
-- Which of those that are billed on redemption have no statement of the month, by the day on which it begins, of their
-- zone's last one.
select organisation
from organisations
join budget_terms using (organisation)
join unnest(:zones::text[], :months::date[], :end_times::timestamptz[])
    as calendars (time_zone, month, end_time) using (time_zone)
where
    mode = 'billed_on_redemption' and organisations.create_time < end_time
    and not exists (
        select
        from billing_statements as stored
        where stored.organisation = organisations.organisation and stored.month = calendars.month
    )
order by organisation;

-- name: billed_zones
select distinct time_zone
from organisations
join budget_terms using (organisation)
where mode = 'billed_on_redemption';
