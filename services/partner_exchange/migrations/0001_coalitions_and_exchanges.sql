-- Coalitions, their partners and rates, quotes, and exchanges.

create table coalitions (
    coalition text primary key,
    display_name text not null,
    currency text not null,
    -- Its days and months are those of limits.
    time_zone text not null,
    actor text not null,
    create_time timestamptz not null
);

create table partners (
    partner text primary key,
    coalition text not null references coalitions (coalition),
    display_name text not null,
    program text not null,
    unit text not null,
    price_numerator bigint not null check (price_numerator > 0),
    price_denominator bigint not null check (price_denominator > 0),
    received_lifetime_days int,
    state text not null check (state in ('LIVE', 'SUSPENDED')),
    actor text not null,
    create_time timestamptz not null,
    -- With two partners for a program, one brand could send the points of another.
    unique (coalition, program)
);

create table partner_keys (
    partner text not null references partners (partner),
    key text not null,
    algorithm text not null check (algorithm in ('ES256', 'Ed25519')),
    jwk jsonb not null,
    create_time timestamptz not null,
    retire_time timestamptz,
    primary key (partner, key)
);

create table rate_books (
    coalition text not null references coalitions (coalition),
    version int not null check (version > 0),
    effective_time timestamptz not null,
    publisher text not null,
    publish_time timestamptz not null,
    primary key (coalition, version),
    unique (coalition, effective_time)
);

create table rates (
    coalition text not null,
    version int not null,
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    numerator bigint not null check (numerator > 0),
    denominator bigint not null check (denominator > 0),
    minimum bigint not null check (minimum > 0),
    increment bigint not null check (increment > 0),
    maximum bigint not null check (maximum >= minimum),
    bonus_threshold bigint,
    bonus_points bigint,
    primary key (coalition, version, sender, receiver),
    foreign key (coalition, version) references rate_books (coalition, version),
    check ((bonus_threshold is null) = (bonus_points is null))
);

create table quotes (
    quote text primary key,
    coalition text not null,
    version int not null,
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    source_account text not null,
    destination_account text not null,
    numerator bigint not null,
    denominator bigint not null,
    send bigint,
    receive_at_least bigint,
    debited bigint not null check (debited > 0),
    received bigint not null check (received > 0),
    bonus bigint not null check (bonus between 0 and received),
    remainder bigint not null check (remainder >= 0),
    create_time timestamptz not null,
    expire_time timestamptz not null,
    use_time timestamptz,
    foreign key (coalition, version) references rate_books (coalition, version),
    check ((send is null) <> (receive_at_least is null))
);
create index quotes_by_age on quotes (expire_time);

create table exchanges (
    -- The quote's id: one quote, one exchange.
    exchange text primary key,
    coalition text not null,
    version int not null,
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    source_account text not null,
    destination_account text not null,
    debited bigint not null check (debited > 0),
    received bigint not null check (received > 0),
    bonus bigint not null,
    state text not null check (state in ('RECEIVED', 'POSTING', 'COMMITTED', 'ABORTED')),
    -- How the received points expire: fixed before the ledger is asked, so that asking again is asking the same.
    legs jsonb,
    -- When the ledger was asked, in order, each time that it has not answered and may still be at work.
    ask_times timestamptz[],
    refusal_reason text,
    refusal_metadata jsonb,
    transaction text,
    commit_time timestamptz,
    -- The receiver's agreed price, as it was when the quote was used: what limits booked is what will be owed.
    price_numerator bigint not null,
    price_denominator bigint not null,
    actor text not null,
    create_time timestamptz not null,
    -- When the recovery loop takes it up; null at the end.
    due_time timestamptz,
    attempts int not null default 0,
    foreign key (coalition, version) references rate_books (coalition, version),
    check ((state = 'RECEIVED') = (legs is null)),
    check ((state = 'COMMITTED') = (transaction is not null)),
    check ((state = 'COMMITTED') = (commit_time is not null)),
    check ((state = 'ABORTED') = (refusal_reason is not null and refusal_metadata is not null)),
    check ((state in ('COMMITTED', 'ABORTED')) = (due_time is null))
);
create index exchanges_sent on exchanges (sender, create_time desc, exchange desc);
create index exchanges_received on exchanges (receiver, create_time desc, exchange desc);
create index exchanges_due on exchanges (due_time) where due_time is not null;
create index exchanges_owed on exchanges (coalition, sender, receiver) where state = 'COMMITTED';

grant select, insert on coalitions, partners, partner_keys, rate_books, rates, quotes, exchanges to :"runtime_role";
-- A published book, an agreed price and the terms of an exchange never change.
grant update (state) on partners to :"runtime_role";
grant update (retire_time) on partner_keys to :"runtime_role";
grant update (use_time) on quotes to :"runtime_role";
grant delete on quotes to :"runtime_role";
grant update (state, legs, ask_times, refusal_reason, refusal_metadata, transaction, commit_time, due_time, attempts) on exchanges to :"runtime_role";
-- Publishing is one at a time in a coalition, and locks its row.
grant update (display_name) on coalitions to :"runtime_role";
