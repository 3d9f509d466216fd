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

-- name: find_celebrations
select
    celebrations.organisation, celebrations.person, occasion, day, years, celebrations.amount, visibility, payout,
    celebrations.create_time, payouts.state as payout_state, transaction, refusal, wait_end_time
from celebrations
join payouts using (organisation, payout)
where celebrations.organisation = :organisation and payout = any(:payouts::text[])
order by payout;

-- name: list_celebrations
select
    celebrations.organisation, celebrations.person, occasion, day, years, celebrations.amount, visibility, payout,
    celebrations.create_time, payouts.state as payout_state, transaction, refusal, wait_end_time
from celebrations
join payouts using (organisation, payout)
where
    celebrations.organisation = :organisation
    and (:all_of_them or visibility = 'public' or celebrations.person = :viewer::text)
    and (celebrations.create_time, payout) < (:before_time::timestamptz, :before::text)
order by celebrations.create_time desc, payout desc
limit :most;
