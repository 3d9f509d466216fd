-- Organisations and their people. The points themselves are the ledger's.

create table organisations (
    organisation text primary key,
    display_name text not null,
    program text not null,
    unit text not null,
    time_zone text not null,
    purposes text[] not null,
    -- The rewards accounts of its people are made so in the ledger.
    exchange_allowed boolean not null,
    actor text not null,
    create_time timestamptz not null
);

-- What a point is worth in a country: so many of the currency's minor units.
create table organisation_countries (
    organisation text not null references organisations,
    country text not null check (country ~ '^[A-Z]{2}$'),
    currency_code text not null check (currency_code ~ '^[A-Z]{3}$'),
    numerator bigint not null check (numerator between 1 and 1000000000),
    denominator bigint not null check (denominator between 1 and 1000000000),
    primary key (organisation, country)
);

-- Organisations as they are read.
create view organisation_details as
select
    organisations.*,
    array(
        select array[country, currency_code, numerator::text, denominator::text]
        from organisation_countries as countries
        where countries.organisation = organisations.organisation
        order by country
    ) as countries
from organisations;

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
    role text not null check (role in ('admin', 'manager', 'giver', 'receiver_only', 'observer')),
    manager text check (manager <> person),
    -- Two capital letters; empty: not known.
    country text not null check (country ~ '^([A-Z]{2})?$'),
    start_date date,
    birth_month smallint check (birth_month between 1 and 12),
    birth_day smallint check (birth_day between 1 and 31),
    -- What they sign in with; empty: nothing.
    user_name text not null,
    celebrations_opt_out boolean not null,
    leaderboards_opt_out boolean not null,
    primary key (organisation, person),
    foreign key (organisation, manager) references people (organisation, person),
    check (active = (deactivated_by is null)),
    check ((birth_month is null) = (birth_day is null))
);
create unique index people_identity on people (organisation, identity) where identity <> '';
create unique index people_user_name on people (organisation, lower(user_name)) where user_name <> '';
create index people_unplanned on people (organisation, planned_period) where active;
create index people_manager on people (organisation, manager) where manager is not null;

-- When people took part. Who is active has one span that goes on, and nobody has two.
create table active_spans (
    organisation text not null,
    person text not null,
    start_time timestamptz not null,
    end_time timestamptz check (end_time >= start_time),
    primary key (organisation, person, start_time),
    foreign key (organisation, person) references people
);
create unique index active_spans_open on active_spans (organisation, person) where end_time is null;

create table teams (
    organisation text not null references organisations,
    team text not null,
    display_name text not null,
    -- What an identity provider knows it by; empty: none does.
    external_id text not null,
    actor text not null,
    create_time timestamptz not null,
    -- A team that was dissolved keeps its id, so that what was said to it is never shown to another one.
    delete_time timestamptz,
    primary key (organisation, team)
);
create unique index teams_name on teams (organisation, lower(display_name)) where delete_time is null;

create table team_people (
    organisation text not null,
    team text not null,
    person text not null,
    primary key (organisation, team, person),
    foreign key (organisation, team) references teams,
    foreign key (organisation, person) references people
);
create index team_people_of on team_people (organisation, person);

-- People as they are read, with the newest of the times in which they took part.
create view people_details as
select
    people.*,
    program,
    array(
        select team
        from team_people
        where team_people.organisation = people.organisation and team_people.person = people.person
        order by team
    ) as teams,
    newest.start_times,
    newest.end_times
from people
join organisations on organisations.organisation = people.organisation
cross join lateral (
    select
        array_agg(start_time order by start_time) as start_times,
        array_agg(end_time order by start_time) as end_times
    from (
        select start_time, end_time
        from active_spans
        where active_spans.organisation = people.organisation and active_spans.person = people.person
        order by start_time desc
        limit 100
    ) as spans
) as newest;

grant select, insert, update on organisations, people, active_spans, teams to :"runtime_role";
grant select, insert, delete on organisation_countries, team_people to :"runtime_role";
grant select on organisation_details, people_details to :"runtime_role";
