-- What identity providers keep up to date by SCIM 2.0.

create table scim_tokens (
    organisation text not null references organisations,
    token text not null,
    display_name text not null,
    -- Of the secret: long enough for nobody to guess, so that it needs no salt.
    secret_hash bytea not null unique check (length(secret_hash) = 32),
    -- Who acts as people that come with this token: those whom this issuer's tokens name by the external id. Or nobody.
    issuer text not null,
    actor text not null,
    create_time timestamptz not null,
    revoke_time timestamptz,
    primary key (organisation, token)
);

-- What only the identity provider knows a person by.
create table scim_people (
    organisation text not null,
    person text not null,
    external_id text not null,
    -- The names and addresses that it wrote and reads again; nothing here asks for them.
    details jsonb not null,
    -- Deleted there: not shown by SCIM any more. Who is created again with the same user name is the same person.
    deleted boolean not null,
    primary key (organisation, person),
    foreign key (organisation, person) references people
);
create index scim_people_external on scim_people (organisation, external_id) where external_id <> '';

-- People as identity providers see them: those who sign in with something.
create view scim_users as
select
    people.organisation,
    people.person,
    people.user_name,
    people.display_name,
    people.active,
    people.role,
    people.manager,
    people.country,
    people.create_time,
    coalesce(scim_people.external_id, '') as external_id,
    coalesce(scim_people.details, '{}') as details,
    coalesce(scim_people.deleted, false) as deleted
from people
left join scim_people on scim_people.organisation = people.organisation and scim_people.person = people.person
where people.user_name <> '';

grant select, insert, update on scim_tokens, scim_people to :"runtime_role";
grant select on scim_users to :"runtime_role";
