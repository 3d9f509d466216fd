-- Who can give to whom, what they were granted, and what they gave. The points themselves are the ledger's.

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

create table allowances (
    organisation text not null,
    person text not null,
    -- The month's first day. One row for each person and month: the allowance is granted once.
    period date not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    available_time timestamptz not null,
    expire_time timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'posted', 'lapsed')),
    -- When it is (or was last) due to be posted.
    due_time timestamptz not null,
    attempts integer not null default 0,
    -- Why the ledger last refused.
    refusal text not null default '',
    primary key (organisation, person, period),
    foreign key (organisation, person) references people
);
create index allowances_due on allowances (due_time) where state = 'pending';
create index allowances_unposted on allowances (organisation, period) where state = 'pending';

create table recognitions (
    organisation text not null references organisations,
    recognition text not null,
    giver text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    message text not null,
    purposes text[] not null,
    visibility text not null check (visibility in ('public', 'private')),
    state text not null default 'pending' check (state in ('pending', 'posted', 'refused')),
    actor text not null,
    create_time timestamptz not null,
    due_time timestamptz not null,
    attempts integer not null default 0,
    -- The ledger's, once posted.
    transaction text not null default '',
    -- Why the ledger refused, and what was left of the allowance if that was the reason.
    refusal text not null default '',
    available_amount bigint not null default 0,
    primary key (organisation, recognition),
    foreign key (organisation, giver) references people,
    check ((state = 'posted') = (transaction <> '')),
    check ((state = 'refused') = (refusal <> ''))
);
create index recognitions_feed on recognitions (organisation, create_time desc, recognition desc)
    where state = 'posted';
create index recognitions_due on recognitions (due_time) where state = 'pending';

-- Whom a recognition concerns: the giver at position 0, then the receivers.
create table recognition_people (
    organisation text not null,
    recognition text not null,
    person text not null,
    position smallint not null,
    create_time timestamptz not null,
    primary key (organisation, recognition, person),
    foreign key (organisation, recognition) references recognitions,
    foreign key (organisation, person) references people
);
create index recognition_people_feed
    on recognition_people (organisation, person, create_time desc, recognition desc);

grant select, insert on organisations, recognition_people to :"runtime_role";
grant select, insert, update on people, allowances, recognitions to :"runtime_role";
