-- name: insert_people
-- The ids of those inserted: neither their id, their identity nor their user name was taken.
with inserted as (
    insert into people (
        organisation, person, display_name, identity, allowance_account, rewards_account, role, manager, country,
        start_date, birth_month, birth_day, user_name, celebrations_opt_out, leaderboards_opt_out, actor, create_time
    )
    select
        :organisation, person, display_name, identity, allowance_account, rewards_account, role, manager, country,
        start_date, birth_month, birth_day, user_name, celebrations_opt_out, leaderboards_opt_out, :actor, :create_time
    from unnest(
        :people::text[], :display_names::text[], :identities::text[], :allowance_accounts::text[],
        :rewards_accounts::text[], :roles::text[], :managers::text[], :countries::text[], :start_dates::date[],
        :birth_months::smallint[], :birth_days::smallint[], :user_names::text[], :celebrations_opt_outs::boolean[],
        :leaderboards_opt_outs::boolean[]
    ) as new_people (
        person, display_name, identity, allowance_account, rewards_account, role, manager, country, start_date,
        birth_month, birth_day, user_name, celebrations_opt_out, leaderboards_opt_out
    )
    order by person
    on conflict do nothing
    returning person
),
begun as (
    insert into active_spans (organisation, person, start_time)
    select :organisation, person, :create_time
    from inserted
)
select person from inserted;

-- name: find_people
select *
from people_details
where organisation = :organisation and person = any(:people::text[]);

-- name: lock_people
-- Holds deactivation and other changes off until the end of the transaction: who is active here is active when it
-- commits.
select person, active, role
from people
where organisation = :organisation and person = any(:people::text[])
order by person
for share;

-- name: lock_person$
-- For who changes them.
select person
from people
where organisation = :organisation and person = :person
for no key update;

-- name: find_person_by_identity^
select person, role
from people
where organisation = :organisation and identity = :identity and identity <> '' and active;

-- name: find_viewer^
-- Who looks, asked in one statement: everything that is listed asks it first.
select
    exists (select from organisations where organisation = :organisation) as organisation_known,
    (
        select person
        from people
        where organisation = :organisation and identity = :identity and identity <> '' and active
    ) as own,
    exists (select from people where organisation = :organisation and person = :viewer::text) as viewer_known;

-- name: list_people
select *
from people_details
where
    organisation = :organisation
    and person > :after
    and (:user_name = '' or lower(user_name) = lower(:user_name))
    and (:team = '' or person in (select person from team_people where organisation = :organisation and team = :team))
order by person
limit :most;

-- name: existing_people
select person
from people
where organisation = :organisation and person = any(:people::text[]);

-- name: people_above
-- The person, whom they report to, whom that one reports to, and so on.
with recursive above as (
    select person, manager
    from people
    where organisation = :organisation and person = :person
    union
    select people.person, people.manager
    from above
    join people on people.organisation = :organisation and people.person = above.manager
)
select person, manager from above;

-- name: update_person!
update people
set
    display_name = :display_name, identity = :identity, role = :role, manager = :manager, country = :country,
    start_date = :start_date, birth_month = :birth_month, birth_day = :birth_day, user_name = :user_name,
    celebrations_opt_out = :celebrations_opt_out, leaderboards_opt_out = :leaderboards_opt_out
where organisation = :organisation and person = :person;

-- name: deactivate_person$
-- The id, or nothing where there is no such active person. A span does not end before it began, whatever the clocks. What
-- is to become of what they earned is what holds now.
with deactivated as (
    update people
    set active = false, deactivated_by = :actor
    where organisation = :organisation and person = :person and active
    returning organisation, person
),
ended as (
    update active_spans
    set end_time = greatest(start_time, :now)
    from deactivated
    where
        active_spans.organisation = deactivated.organisation and active_spans.person = deactivated.person
        and end_time is null
    returning active_spans.organisation, active_spans.person, end_time
)
insert into leavings (organisation, person, leave_time, mode, days, look_time)
select organisation, person, end_time, coalesce(mode, 'keep'), days, case when days is not null then end_time end
from ended
left join leaver_policies using (organisation)
returning person;

-- name: reactivate_person$
-- The id, or nothing where there is no such deactivated person.
with reactivated as (
    update people
    set active = true, deactivated_by = null
    where organisation = :organisation and person = :person and not active
    returning organisation, person
),
begun as (
    insert into active_spans (organisation, person, start_time)
    select organisation, person, greatest(:now, (
        select max(end_time) + interval '1 microsecond'
        from active_spans
        where active_spans.organisation = reactivated.organisation and active_spans.person = reactivated.person
    ))
    from reactivated
    returning organisation, person, start_time
),
returned as (
    update leavings
    set return_time = begun.start_time
    from begun
    where leavings.organisation = begun.organisation and leavings.person = begun.person and return_time is null
)
select person from begun;
