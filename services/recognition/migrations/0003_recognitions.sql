-- What people gave each other.

create table recognitions (
    organisation text not null references organisations,
    recognition text not null,
    giver text not null,
    -- What each receiver gets of the giver.
    amount bigint not null check (amount between 1 and 9007199254740992),
    message text not null,
    purposes text[] not null,
    visibility text not null check (visibility in ('public', 'team', 'private')),
    -- The people whom the message mentions, and the teams that were named: where none were, those of the receivers are meant.
    mentioned text[] not null default '{}',
    named_teams text[] not null default '{}',
    state text not null default 'pending'
        check (state in ('pending', 'posted', 'refused', 'deleting', 'deleted')),
    actor text not null,
    create_time timestamptz not null,
    edit_time timestamptz,
    primary key (organisation, recognition),
    foreign key (organisation, giver) references people
);
create index recognitions_feed on recognitions (organisation, create_time desc, recognition desc)
    where state = 'posted';
-- Rare words are found by this; common ones, and those of a small organisation, soon enough along its feed.
create index recognitions_words on recognitions using gin (to_tsvector('simple', message))
    where state = 'posted';

-- How an organisation's recognitions are kept; where there is no row, as by default.
create table recognition_settings (
    organisation text primary key references organisations,
    -- For how long after it was given a recognition can be edited.
    edit_window interval not null check (edit_window between interval '0' and interval '30 days'),
    actor text not null,
    update_time timestamptz not null
);

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

-- The teams that a recognition was said to: those that were named, or those of the receivers when it was given.
create table recognition_teams (
    organisation text not null,
    recognition text not null,
    team text not null,
    create_time timestamptz not null,
    primary key (organisation, recognition, team),
    foreign key (organisation, recognition) references recognitions,
    foreign key (organisation, team) references teams
);
create index recognition_teams_feed on recognition_teams (organisation, team, create_time desc, recognition desc);

-- What is done to a recognition and moves points: it is taken in here before the ledger is asked, and settled by what
-- the ledger answers.
create table recognition_changes (
    organisation text not null,
    change text not null,
    recognition text not null,
    kind text not null check (kind in ('create', 'add_on', 'edit', 'delete')),
    -- Who does it; empty: nobody of the organisation.
    person text not null,
    -- What is given, from whose allowance, to whom.
    giver text not null,
    receivers text[] not null,
    amounts bigint[] not null,
    -- For what is taken back.
    policy text not null check (policy in ('unspent', 'within_balance', 'refuse')),
    -- What an edit made of what.
    before jsonb,
    after jsonb,
    state text not null default 'pending' check (state in ('pending', 'held', 'done', 'refused')),
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
    check ((state = 'refused') = (refusal <> '')),
    check ((kind = 'edit') = (before is not null and after is not null))
);
create index recognition_changes_due on recognition_changes (due_time) where state = 'pending';
create index recognition_changes_of on recognition_changes (organisation, recognition, create_time);
-- An edit knows what it edits, and a recognition ends once.
create unique index recognition_changes_alone on recognition_changes (organisation, recognition, kind)
    where kind in ('edit', 'delete') and state = 'pending';

-- The points that moved for a recognition, in the words of its people: one row for each transaction of the ledger, never
-- changed. What a receiver has of a gift is the gift and all that was taken back of it.
create table recognition_movements (
    organisation text not null,
    recognition text not null,
    -- The change that moved them, or the chunk that they were imported with; and which of its movements for the
    -- recognition this is.
    change text not null,
    ordinal smallint not null,
    kind text not null check (kind in ('given', 'add_on')),
    giver text not null,
    receiver text not null,
    -- More than 0: given. 0 or less: taken back of a gift, of which so much was wanted.
    amount bigint not null check (amount between -9007199254740992 and 9007199254740992),
    gift_change text,
    gift_ordinal smallint,
    wanted bigint not null check (wanted between 0 and 9007199254740992),
    -- By how much it changes how often the giver has thanked the receiver.
    posts smallint not null check (posts between -1 and 1),
    -- Empty where nothing was left to take.
    transaction text not null,
    record_time timestamptz not null,
    primary key (organisation, recognition, change, ordinal),
    foreign key (organisation, recognition, gift_change, gift_ordinal) references recognition_movements,
    check ((amount > 0) = (gift_change is null) and (gift_change is null) = (gift_ordinal is null)),
    check (amount > 0 or -amount <= wanted),
    check ((transaction = '') = (amount = 0)),
    foreign key (organisation, recognition) references recognitions
);

-- What others say to a recognition. What was taken away stays, for whoever has to answer for it, and is not shown.
create table recognition_comments (
    organisation text not null,
    comment text not null,
    recognition text not null,
    author text not null,
    message text not null,
    actor text not null,
    create_time timestamptz not null,
    deleted_by text,
    primary key (organisation, comment),
    foreign key (organisation, recognition) references recognitions,
    foreign key (organisation, author) references people
);
create index recognition_comments_shown on recognition_comments (organisation, recognition, create_time, comment)
    where deleted_by is null;

create table recognition_reactions (
    organisation text not null,
    recognition text not null,
    person text not null,
    emoji text not null,
    create_time timestamptz not null,
    primary key (organisation, recognition, person, emoji),
    foreign key (organisation, recognition) references recognitions,
    foreign key (organisation, person) references people
);

-- Recognitions as they are read.
create view recognition_details as
select
    recognitions.*,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers,
    array(
        select transaction
        from recognition_movements as moved
        where
            moved.organisation = recognitions.organisation and moved.recognition = recognitions.recognition
            and moved.kind = 'given' and moved.amount > 0
        order by record_time, ordinal
    ) as transactions,
    array(
        select team
        from recognition_teams as said_to
        where said_to.organisation = recognitions.organisation and said_to.recognition = recognitions.recognition
        order by team
    ) as teams
from recognitions;

-- What somebody may see; null: what everybody may. Whatever lists recognitions reads them here, and
-- `Recognition.seen_by` says the same of one. It is planned as part of the statement that reads it.
create function seen_recognitions(viewer text) returns setof recognition_details language sql stable as $$
select seen.*
from recognition_details as seen
where
    seen.state = 'posted'
    and (
        seen.visibility = 'public'
        or exists (
            select
            from recognition_people as concerned
            where
                concerned.organisation = seen.organisation and concerned.recognition = seen.recognition
                and concerned.person = viewer
        )
        or (
            seen.visibility = 'team'
            and exists (
                select
                from recognition_teams as said_to
                join team_people as theirs using (organisation, team)
                where
                    said_to.organisation = seen.organisation and said_to.recognition = seen.recognition
                    and theirs.person = viewer
            )
        )
    )
$$;

grant select, insert, delete on recognition_people, recognition_teams to :"runtime_role";
grant select, insert on recognition_movements to :"runtime_role";
grant select, insert, update on recognitions, recognition_changes, recognition_settings to :"runtime_role";
grant select on recognition_details to :"runtime_role";
grant select, insert, update on recognition_comments to :"runtime_role";
grant select, insert, delete on recognition_reactions to :"runtime_role";
