-- name: set_celebration_policy!
-- Celebrations began when they were set first.
insert into celebration_policies (
    organisation, award_budget, anniversary_years, anniversary_amounts, other_anniversary_amount, birthday_amount,
    leap_day, catch_up_days, visibility, start_day, actor
)
values (
    :organisation, :award_budget, :anniversary_years, :anniversary_amounts, :other_anniversary_amount,
    :birthday_amount, :leap_day, :catch_up_days, :visibility, :start_day, :actor
)
on conflict (organisation) do update
set
    award_budget = excluded.award_budget, anniversary_years = excluded.anniversary_years,
    anniversary_amounts = excluded.anniversary_amounts,
    other_anniversary_amount = excluded.other_anniversary_amount, birthday_amount = excluded.birthday_amount,
    leap_day = excluded.leap_day, catch_up_days = excluded.catch_up_days, visibility = excluded.visibility,
    actor = excluded.actor;

-- name: find_celebration_policy^
select
    organisation, award_budget, anniversary_years, anniversary_amounts, other_anniversary_amount, birthday_amount,
    leap_day, catch_up_days, visibility
from celebration_policies
where organisation = :organisation;

-- name: celebrating_organisations
select
    organisation, award_budget, anniversary_years, anniversary_amounts, other_anniversary_amount, birthday_amount,
    leap_day, catch_up_days, visibility, start_day, time_zone
from celebration_policies
join organisations using (organisation)
where organisation > :after
order by organisation
limit :most;

-- name: due_birthdays
-- Whose birthday it was on one of these days, and was not celebrated in that year: of those who take part, may receive,
-- have not opted out and were known by the end of the day.
select person, day
from unnest(:days::date[], :months::smallint[], :month_days::smallint[], :end_times::timestamptz[])
    as kept (day, month, month_day, end_time)
join people
    on
        people.organisation = :organisation and active and birth_month = month and birth_day = month_day
        and role <> 'observer' and not celebrations_opt_out and create_time < end_time
where
    not exists (
        select
        from celebrations
        where
            celebrations.organisation = :organisation and celebrations.person = people.person
            and occasion = 'birthday' and year = extract(year from day)
    )
order by day, person
limit :most;

-- name: due_anniversaries
-- The same for service anniversaries, of which the day of joining is none: of `given_years`, and if `others` of all that
-- are not among `listed_years`.
select person, day, years
from unnest(:days::date[], :months::smallint[], :month_days::smallint[], :end_times::timestamptz[])
    as kept (day, month, month_day, end_time)
join people
    on
        people.organisation = :organisation and active and start_date is not null
        and extract(month from start_date) = month and extract(day from start_date) = month_day
        and role <> 'observer' and not celebrations_opt_out and create_time < end_time
cross join lateral (select (extract(year from day) - extract(year from start_date))::integer as years) as served
where
    years >= 1
    and (years = any(:given_years::integer[]) or (:others and years <> all(:listed_years::integer[])))
    and not exists (
        select
        from celebrations
        where
            celebrations.organisation = :organisation and celebrations.person = people.person
            and occasion = 'anniversary' and year = extract(year from day)
    )
order by day, person
limit :most;

-- name: lock_celebration_policy$
-- Workers celebrate one organisation one after another: payouts come before the celebrations that they are of.
select organisation from celebration_policies where organisation = :organisation for no key update;

-- name: insert_celebrations!
insert into celebrations (
    organisation, person, occasion, year, day, years, amount, visibility, payout, create_time
)
select
    :organisation, person, occasion, extract(year from day), day, years, amount, :visibility, payout, :create_time
from unnest(
    :people::text[], :occasions::text[], :days::date[], :years::smallint[], :amounts::bigint[], :payouts::text[]
) as new_celebrations (person, occasion, day, years, amount, payout);

-- name: find_public_celebrations
-- Those of these that everybody sees.
select seen.*
from seen_celebrations(null) as seen
where seen.organisation = :organisation and seen.payout = any(:payouts::text[])
order by seen.payout;

-- name: list_celebrations
select seen.*
from seen_celebrations(:viewer::text) as seen
where
    seen.organisation = :organisation
    and (seen.create_time, seen.payout) < (:before_time::timestamptz, :before::text)
order by seen.create_time desc, seen.payout desc
limit :most;

-- name: list_all_celebrations
select *
from celebration_details
where
    organisation = :organisation
    and (create_time, payout) < (:before_time::timestamptz, :before::text)
order by create_time desc, payout desc
limit :most;

-- name: list_celebrations_of_feed
-- Those that the viewer sees, in the order in which they were paid: of one person, or of who is in a team, if that is asked.
select seen.*, paid.settle_time
from payouts as paid
join seen_celebrations(:viewer::text) as seen on seen.organisation = paid.organisation and seen.payout = paid.payout
where
    paid.organisation = :organisation
    and paid.kind = 'celebration'
    and paid.state = 'paid'
    and (:person::text is null or paid.person = :person)
    and (
        :team::text is null
        or exists (
            select
            from team_people
            where
                team_people.organisation = paid.organisation and team_people.team = :team
                and team_people.person = paid.person
        )
    )
    and (paid.settle_time, paid.payout) < (:before_time::timestamptz, :before::text)
order by paid.settle_time desc, paid.payout desc
limit :most;
