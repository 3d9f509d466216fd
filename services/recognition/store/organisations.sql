-- name: insert_organisation$
-- The id, or nothing where it is taken.
insert into organisations (
    organisation, display_name, program, unit, time_zone, purposes, exchange_allowed, actor, create_time
)
values (
    :organisation, :display_name, :program, :unit, :time_zone, :purposes, :exchange_allowed, :actor, :create_time
)
on conflict do nothing
returning organisation;

-- name: find_organisation^
select organisation, display_name, program, unit, time_zone, purposes, exchange_allowed, create_time, countries
from organisation_details
where organisation = :organisation;

-- name: lock_organisation$
-- Keeps other changes of the organisation, and of who reports to whom in it, waiting until the end of the transaction.
select organisation
from organisations
where organisation = :organisation
for no key update;

-- name: update_organisation!
update organisations
set display_name = :display_name, purposes = :purposes
where organisation = :organisation;

-- name: delete_countries!
delete from organisation_countries
where organisation = :organisation;

-- name: insert_countries!
insert into organisation_countries (organisation, country, currency_code, numerator, denominator)
select :organisation, country, currency_code, numerator, denominator
from unnest(:countries::text[], :currency_codes::text[], :numerators::bigint[], :denominators::bigint[])
    as worths (country, currency_code, numerator, denominator);
