-- name: lock_plans
-- Whoever makes a plan waits for those who grant by the plans there are.
select version from allowance_plans where organisation = :organisation and not replaced order by version for update;

-- name: share_plans
-- No plan is made while somebody grants by these.
select version from allowance_plans where organisation = :organisation and not replaced order by version for share;

-- name: find_plans
-- In the order of their days, with their overrides in order.
select
    organisation, version, from_day, period_kind, base_amount, actor, create_time, replaced,
    coalesce(amounts, '{}') as amounts, coalesce(roles, '{}') as roles, coalesce(countries, '{}') as countries,
    coalesce(teams, '{}') as teams
from allowance_plans
left join lateral (
    select
        array_agg(amount order by position) as amounts, array_agg(role order by position) as roles,
        array_agg(country order by position) as countries, array_agg(team order by position) as teams
    from allowance_overrides as override
    where override.organisation = allowance_plans.organisation and override.version = allowance_plans.version
) as overrides on true
where organisation = :organisation and not replaced
order by from_day;

-- name: newest_planned_day$
-- The first day of the newest period that anybody was granted, or nothing.
select nullif(max(planned_period), '-infinity') from people where organisation = :organisation;

-- name: replace_plans!
update allowance_plans set replaced = true
where organisation = :organisation and from_day >= :from_day and not replaced;

-- name: insert_plan$
-- Its version, or nothing where somebody else has made that meanwhile.
insert into allowance_plans (
    organisation, version, from_day, period_kind, base_amount, actor, create_time
)
select
    :organisation, coalesce(max(version), 0) + 1, :from_day, :period_kind, :base_amount, :actor, :create_time
from allowance_plans
where organisation = :organisation
on conflict do nothing
returning version;

-- name: insert_overrides!
insert into allowance_overrides (organisation, version, position, amount, role, country, team)
select :organisation, :version, ordinality - 1, amount, role, country, team
from unnest(:amounts::bigint[], :roles::text[], :countries::text[], :teams::text[])
    with ordinality as overrides (amount, role, country, team, ordinality);

-- name: plan_calendars
-- By which calendars plans go: zones, and kinds of period.
select distinct time_zone, period_kind
from allowance_plans
join organisations using (organisation)
where not replaced;

-- name: unplanned_organisations
-- Those with an active person of these roles whose newest planned period is before the one in which today lies, by the plan that holds;
-- or a manager whose budget's is.
select organisation
from organisations
join unnest(:zones::text[], :kinds::text[], :days::date[], :first_days::date[])
    as calendars (time_zone, period_kind, day, first_day) using (time_zone)
join allowance_plans as plans using (organisation, period_kind)
where
    not plans.replaced and plans.from_day <= day
    and not exists (
        select
        from allowance_plans as later
        where
            later.organisation = plans.organisation and not later.replaced
            and later.from_day > plans.from_day and later.from_day <= day
    )
    and (
        exists (
            select
            from people
            where
                people.organisation = plans.organisation and active and role = any(:roles::text[])
                and planned_period < greatest(first_day, plans.from_day)
        )
        or exists (
            select
            from manager_budgets
            join people using (organisation, person)
            where
                manager_budgets.organisation = plans.organisation and active
                and manager_budgets.planned_period < greatest(first_day, plans.from_day)
        )
    )
order by organisation;
