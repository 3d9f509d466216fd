-- name: insert_organisation$
-- The id, or nothing where it is taken.
insert into organisations (
    organisation, display_name, program, unit, time_zone, purposes, monthly_allowance, actor, create_time
)
values (
    :organisation, :display_name, :program, :unit, :time_zone, :purposes, :monthly_allowance, :actor, :create_time
)
on conflict do nothing
returning organisation;

-- name: find_organisation^
select organisation, display_name, program, unit, time_zone, purposes, monthly_allowance, create_time
from organisations
where organisation = :organisation;

-- name: organisation_zones
select distinct time_zone from organisations;

-- name: unplanned_organisations
-- Those with an active person whose newest planned month is before the current one of their zone.
select organisation, display_name, program, unit, time_zone, purposes, monthly_allowance, create_time
from organisations
join unnest(:zones::text[], :periods::date[]) as months (time_zone, period) using (time_zone)
where
    exists (
        select
        from people
        where people.organisation = organisations.organisation and active and planned_period < period
    )
order by organisation;
