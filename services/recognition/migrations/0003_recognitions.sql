-- What people gave each other.

create table recognitions (
    organisation text not null references organisations,
    recognition text not null,
    giver text not null,
    -- What each receiver gets of the giver.
    amount bigint not null check (amount between 1 and 9007199254740992),
    message text not null,
    purposes text[] not null,
    visibility text not null check (visibility in ('public', 'private')),
    state text not null default 'pending' check (state in ('pending', 'posted', 'refused')),
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, recognition),
    foreign key (organisation, giver) references people
);
create index recognitions_feed on recognitions (organisation, create_time desc, recognition desc)
    where state = 'posted';

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

-- What is done to a recognition and moves points: it is taken in here before the ledger is asked, and settled by what
-- the ledger answers.
create table recognition_changes (
    organisation text not null,
    change text not null,
    recognition text not null,
    kind text not null check (kind in ('create')),
    -- Who gives, from their allowance, and what to whom.
    person text not null,
    receivers text[] not null,
    amounts bigint[] not null,
    state text not null default 'pending' check (state in ('pending', 'done', 'refused')),
    -- Why the ledger refused, and what was left of the allowance if that was the reason.
    refusal text not null default '',
    available_amount bigint not null default 0,
    actor text not null,
    create_time timestamptz not null,
    due_time timestamptz not null,
    attempts integer not null default 0,
    primary key (organisation, change),
    foreign key (organisation, recognition) references recognitions,
    check (cardinality(receivers) = cardinality(amounts)),
    check ((state = 'refused') = (refusal <> ''))
);
create index recognition_changes_due on recognition_changes (due_time) where state = 'pending';

-- The points that moved for a recognition, in the words of its people: one row for each transaction of the ledger, never
-- changed. What a receiver has of a gift is the gift and all that was taken back of it.
create table recognition_movements (
    organisation text not null,
    recognition text not null,
    -- The change that moved them, or the chunk that they were imported with; and which of its movements for the
    -- recognition this is.
    change text not null,
    ordinal smallint not null,
    kind text not null check (kind in ('given')),
    giver text not null,
    receiver text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    transaction text not null,
    record_time timestamptz not null,
    primary key (organisation, recognition, change, ordinal),
    foreign key (organisation, recognition) references recognitions
);

grant select, insert on recognition_people, recognition_movements to :"runtime_role";
grant select, insert, update on recognitions, recognition_changes to :"runtime_role";
