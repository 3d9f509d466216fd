-- What people gave each other.

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

grant select, insert on recognition_people to :"runtime_role";
grant select, insert, update on recognitions to :"runtime_role";
