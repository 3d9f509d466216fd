-- Organisations and their people. The points themselves are the ledger's.

create table organisations (
    organisation text primary key,
    display_name text not null,
    program text not null,
    unit text not null,
    time_zone text not null,
    purposes text[] not null,
    monthly_allowance bigint not null check (monthly_allowance between 1 and 9007199254740992),
    actor text not null,
    create_time timestamptz not null
);

create table people (
    organisation text not null references organisations,
    person text not null,
    display_name text not null,
    -- `issuer|subject`; empty: nobody acts as this person.
    identity text not null,
    active boolean not null default true,
    allowance_account text not null,
    rewards_account text not null,
    -- The first day of the newest month whose allowance was planned: what is left to plan is found in an index.
    planned_period date not null default '-infinity',
    actor text not null,
    create_time timestamptz not null,
    deactivated_by text,
    primary key (organisation, person),
    check (active = (deactivated_by is null))
);
create unique index people_identity on people (organisation, identity) where identity <> '';
create index people_unplanned on people (organisation, planned_period) where active;

grant select, insert on organisations to :"runtime_role";
grant select, insert, update on people to :"runtime_role";
