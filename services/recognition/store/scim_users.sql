-- name: list_scim_users
select
    scim_users.*,
    array(
        select array[team, teams.display_name]
        from team_people
        join teams using (organisation, team)
        where team_people.organisation = scim_users.organisation and team_people.person = scim_users.person
        order by team
    ) as teams
from scim_users
where
    organisation = :organisation
    and not deleted
    and (:person::text is null or person = :person)
    and (:user_name::text is null or lower(user_name) = lower(:user_name))
    and (:external_id::text is null or external_id = :external_id)
    and (:display_name::text is null or lower(display_name) = lower(:display_name))
order by person
limit :most
offset :offset;

-- name: count_scim_users$
select count(*)
from scim_users
where
    organisation = :organisation
    and not deleted
    and (:person::text is null or person = :person)
    and (:user_name::text is null or lower(user_name) = lower(:user_name))
    and (:external_id::text is null or external_id = :external_id)
    and (:display_name::text is null or lower(display_name) = lower(:display_name));

-- name: find_deleted_scim_user$
-- Who was deleted by SCIM and signed in with this.
select person
from scim_users
where organisation = :organisation and lower(user_name) = lower(:user_name) and deleted;

-- name: write_scim_person!
insert into scim_people (organisation, person, external_id, details, deleted)
values (:organisation, :person, :external_id, :details, false)
on conflict (organisation, person) do update
set external_id = excluded.external_id, details = excluded.details, deleted = false;

-- name: hide_scim_person!
insert into scim_people (organisation, person, external_id, details, deleted)
values (:organisation, :person, '', '{}', true)
on conflict (organisation, person) do update
set deleted = true;
