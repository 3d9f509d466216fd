-- name: insert_team$
-- The id, or nothing where it or the name is taken.
insert into teams (organisation, team, display_name, external_id, actor, create_time)
values (:organisation, :team, :display_name, :external_id, :actor, :create_time)
on conflict do nothing
returning team;

-- name: find_team^
select organisation, team, display_name, external_id, create_time
from teams
where organisation = :organisation and team = :team and delete_time is null;

-- name: list_teams
select organisation, team, display_name, external_id, create_time
from teams
where organisation = :organisation and team > :after and delete_time is null
order by team
limit :most;

-- name: lock_teams
-- Those that exist; they are not dissolved before the end of the transaction.
select team
from teams
where organisation = :organisation and team = any(:teams::text[]) and delete_time is null
order by team
for share;

-- name: lock_team^
-- For who changes it, or who is in it.
select organisation, team, display_name, external_id, create_time
from teams
where organisation = :organisation and team = :team and delete_time is null
for no key update;

-- name: name_taken$
select exists (
    select
    from teams
    where
        organisation = :organisation and lower(display_name) = lower(:display_name) and delete_time is null
        and team <> :team
);

-- name: update_team!
update teams
set display_name = :display_name, external_id = :external_id
where organisation = :organisation and team = :team;

-- name: delete_team$
update teams
set delete_time = :delete_time
where organisation = :organisation and team = :team and delete_time is null
returning team;

-- name: insert_team_people!
insert into team_people (organisation, team, person)
select :organisation, team, person
from unnest(:teams::text[], :people::text[]) as joining (team, person)
on conflict do nothing;

-- name: delete_team_people!
-- Everybody who is in the team.
delete from team_people
where organisation = :organisation and team = :team;

-- name: delete_person_teams!
-- The person, from all teams.
delete from team_people
where organisation = :organisation and person = :person;

-- name: list_teams_of_people
select distinct team
from team_people
join teams using (organisation, team)
where organisation = :organisation and person = any(:people::text[]) and delete_time is null
order by team;
