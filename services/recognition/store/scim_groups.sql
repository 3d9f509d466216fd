-- name: list_scim_groups
select team, display_name, external_id, create_time
from teams
where
    organisation = :organisation
    and delete_time is null
    and (:team::text is null or team = :team)
    and (:external_id::text is null or external_id = :external_id)
    and (:display_name::text is null or lower(display_name) = lower(:display_name))
order by team
limit :most
offset :offset;

-- name: count_scim_groups$
select count(*)
from teams
where
    organisation = :organisation
    and delete_time is null
    and (:team::text is null or team = :team)
    and (:external_id::text is null or external_id = :external_id)
    and (:display_name::text is null or lower(display_name) = lower(:display_name));

-- name: scim_group_members
select team, person
from team_people
where organisation = :organisation and team = any(:teams::text[])
order by team;

-- name: leave_team!
delete from team_people
where organisation = :organisation and team = :team and person = any(:people::text[]);

-- name: people_in_too_many_teams
select person
from team_people
where organisation = :organisation and person = any(:people::text[])
group by person
having count(*) > :most;
