-- name: insert_people
-- The ids of those inserted: neither their id nor their identity was taken.
insert into people (
    organisation, person, display_name, identity, allowance_account, rewards_account, actor, create_time
)
select :organisation, person, display_name, identity, allowance_account, rewards_account, :actor, :create_time
from unnest(
    :people::text[], :display_names::text[], :identities::text[], :allowance_accounts::text[], :rewards_accounts::text[]
) as new_people (person, display_name, identity, allowance_account, rewards_account)
order by person
on conflict do nothing
returning person;

-- name: find_people
select
    people.organisation, person, people.display_name, identity, active, program, allowance_account, rewards_account,
    people.create_time
from people
join organisations using (organisation)
where organisation = :organisation and person = any(:people::text[]);

-- name: lock_people
-- Holds deactivation off until the end of the transaction: who is active here is active when it commits.
select person, active
from people
where organisation = :organisation and person = any(:people::text[])
order by person
for share;

-- name: find_person_by_identity$
select person
from people
where organisation = :organisation and identity = :identity and active;

-- name: list_people
select
    people.organisation, person, people.display_name, identity, active, program, allowance_account, rewards_account,
    people.create_time
from people
join organisations using (organisation)
where organisation = :organisation and person > :after
order by person
limit :most;

-- name: deactivate_person$
-- The id, or nothing where there is no such active person.
update people
set active = false, deactivated_by = :actor
where organisation = :organisation and person = :person and active
returning person;
