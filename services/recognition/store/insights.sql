-- name: month_board
-- A month's public leaderboard: as many rows of an index as there are places on the page.
select tallies.person, people.display_name, amount, count
from tallies
join people using (organisation, person)
where
    organisation = :organisation
    and period = :period
    and measure = :measure
    and purpose = :purpose
    and public
    and amount > 0
    and amount <= :amount::bigint
    and (amount < :amount::bigint or person > :holder::text)
    and active
    and not leaderboards_opt_out
order by amount desc, person
limit :most;

-- name: people_board
-- The same of several months, of a team, of who reports to somebody, or of all recognitions: summed up.
with recursive below as (
    select person from people where organisation = :organisation and manager = :under::text
    union
    select people.person
    from below
    join people on people.organisation = :organisation and people.manager = below.person
),
summed as (
    select person, people.display_name, sum(amount)::bigint as amount, sum(count)::bigint as count
    from tallies
    join people using (organisation, person)
    where
        organisation = :organisation
        and period between :first_period::date and :last_period::date
        and measure = :measure
        and purpose = :purpose
        and (public or :everything::boolean)
        and active
        and not leaderboards_opt_out
        and (:under::text is null or person in (select person from below))
        and (
            :team::text is null
            or person in (select person from team_people where organisation = :organisation and team = :team::text)
        )
    group by person, people.display_name
)
select person, display_name, amount, count
from summed
where amount > 0 and (amount < :amount::bigint or (amount = :amount::bigint and person > :holder::text))
order by amount desc, person
limit :most;

-- name: teams_board
-- What those who are in each team now come to.
with recursive below as (
    select person from people where organisation = :organisation and manager = :under::text
    union
    select people.person
    from below
    join people on people.organisation = :organisation and people.manager = below.person
),
summed as (
    select team, teams.display_name, sum(amount)::bigint as amount, sum(count)::bigint as count
    from tallies
    join people using (organisation, person)
    join team_people using (organisation, person)
    join teams using (organisation, team)
    where
        organisation = :organisation
        and period between :first_period::date and :last_period::date
        and measure = :measure
        and purpose = :purpose
        and (public or :everything::boolean)
        and active
        and not leaderboards_opt_out
        and (:under::text is null or person in (select person from below))
    group by team, teams.display_name
)
select team, display_name, amount, count
from summed
where amount > 0 and (amount < :amount::bigint or (amount = :amount::bigint and team > :holder::text))
order by amount desc, team
limit :most;

-- name: participation
-- Of those who were active at any point in a month (below a manager): how many there are, and what they did in it. Whoever was
-- employed before the organisation came here counts from their first day at work.
with recursive below as (
    select person from people where organisation = :organisation and manager = :under::text
    union
    select people.person
    from below
    join people on people.organisation = :organisation and people.manager = below.person
),
spans as (
    select
        person,
        case
            when row_number() over (partition by person order by start_time) = 1
                then least(start_time, start_date::timestamp at time zone :zone)
            else start_time
        end as start_time,
        end_time
    from active_spans
    join people using (organisation, person)
    where organisation = :organisation and (:under::text is null or person in (select person from below))
),
active as (
    select distinct person
    from spans
    where start_time < :end_time and (end_time is null or end_time > :start_time)
),
figures as (
    select measure, person, sum(amount) as amount, sum(count) as count
    from tallies
    join active using (person)
    where organisation = :organisation and period = :period and purpose = '' and (public or :everything::boolean)
    group by measure, person
)
select '' as measure, count(*) as people, 0::bigint as amount, 0::bigint as count from active
union all
select measure, count(*) filter (where count > 0), sum(amount)::bigint, sum(count)::bigint
from figures
group by measure;

-- name: unrecognised_people
with recursive below as (
    select person from people where organisation = :organisation and manager = :under::text
    union
    select people.person
    from below
    join people on people.organisation = :organisation and people.manager = below.person
),
spans as (
    select
        person,
        case
            when row_number() over (partition by person order by start_time) = 1
                then least(start_time, start_date::timestamp at time zone :zone)
            else start_time
        end as start_time,
        end_time
    from active_spans
    join people using (organisation, person)
    where organisation = :organisation and (:under::text is null or person in (select person from below))
),
active as (
    select distinct person
    from spans
    where start_time < :end_time and (end_time is null or end_time > :start_time)
)
select person, display_name
from people
join active using (person)
where
    organisation = :organisation
    and person > :after
    and not exists (
        select
        from tallies
        where
            tallies.organisation = people.organisation
            and tallies.person = people.person
            and period = :period
            and measure = 'received'
            and purpose = ''
            and count > 0
    )
order by person
limit :most;

-- name: given_in_month
-- What people (below a manager) gave: recognitions and add-ons, private ones too.
with recursive below as (
    select person from people where organisation = :organisation and manager = :under::text
    union
    select people.person
    from below
    join people on people.organisation = :organisation and people.manager = below.person
)
select measure, sum(amount)::bigint as amount
from tallies
where
    organisation = :organisation
    and period = :period
    and measure in ('given', 'added')
    and purpose = ''
    and (:under::text is null or person in (select person from below))
group by measure;

-- name: received_by_category
-- By person and category, after that position.
select received.person, display_name, country, category, sum(amount)::bigint as amount
from (
    select person, 'recognition' as category, amount
    from tallies
    where
        organisation = :organisation
        and period between :first_period::date and :last_period::date
        and measure = 'received'
        and purpose = ''
    union all
    select person, kind, amount
    from payouts
    where
        organisation = :organisation
        and state = 'paid'
        and settle_time >= :start_time
        and settle_time < :end_time
    union all
    -- What managers gave out as awards.
    select receiver, 'award', amount
    from disbursements
    cross join unnest(receivers) as receiver
    where
        organisation = :organisation
        and doing = 'award'
        and state = 'posted'
        and create_time >= :start_time
        and create_time < :end_time
) as received
join people on people.organisation = :organisation and people.person = received.person
where (received.person, category) > (:after_person::text, :after_category::text)
group by received.person, display_name, country, category
having sum(amount) > 0
order by received.person, category
limit :most;

-- name: redeemed_by_person
-- What was redeemed less what was given back, by person, after that one.
select person, display_name, country, sum(points)::bigint as amount
from redemptions
join people using (organisation, person)
where organisation = :organisation and month between :first_month::date and :last_month::date and person > :after
group by person, display_name, country
having sum(points) <> 0
order by person
limit :most;
