-- The prices that were agreed with partners, what partners are told, and how.

create table agreed_prices (
    partner text not null references partners (partner),
    version int not null check (version > 0),
    numerator bigint not null check (numerator > 0),
    denominator bigint not null check (denominator > 0),
    actor text not null,
    create_time timestamptz not null,
    primary key (partner, version)
);

create table link_policies (
    coalition text not null references coalitions (coalition),
    version int not null check (version > 0),
    optional boolean not null,
    cooling_off_hours int not null check (cooling_off_hours >= 0),
    links_per_year int not null check (links_per_year > 0),
    actor text not null,
    create_time timestamptz not null,
    primary key (coalition, version)
);

-- What a member takes from one brand to the other. With it go the only names that are kept here, for ten minutes.
create table link_codes (
    partner text not null references partners (partner),
    account text not null,
    coalition text not null references coalitions (coalition),
    digest bytea not null unique,
    consent text not null,
    given_names text not null,
    family_name text not null,
    expire_time timestamptz not null,
    primary key (partner, account)
);
create index link_codes_by_age on link_codes (expire_time);

create table member_links (
    link text primary key,
    partner_one text not null references partners (partner),
    account_one text not null,
    consent_one text not null,
    partner_two text not null references partners (partner),
    account_two text not null,
    consent_two text not null,
    create_time timestamptz not null,
    usable_time timestamptz not null,
    unlink_time timestamptz,
    unlinker text,
    check (partner_one collate "C" < partner_two),
    check ((unlink_time is null) = (unlinker is null))
);
-- An account is linked with one account of another brand at a time.
create unique index links_of_one on member_links (partner_one, account_one, partner_two) where unlink_time is null;
create unique index links_of_two on member_links (partner_two, account_two, partner_one) where unlink_time is null;
create index links_of_one_by_age on member_links (partner_one, account_one, create_time);
create index links_of_two_by_age on member_links (partner_two, account_two, create_time);

-- The sending brand's reference of what its member agreed to: good for one exchange.
alter table exchanges add column authorization_reference text;
create unique index exchanges_authorized on exchanges (sender, authorization_reference)
where authorization_reference is not null;

create table told_events (
    -- Written by one consumer at a time, so the order of ids is the order of commits: a cursor skips nothing.
    id bigint generated always as identity (cache 1) primary key,
    owner text not null references partners (partner),
    event_id uuid not null,
    type text not null,
    time timestamptz not null,
    record_time timestamptz not null,
    -- The body of the webhook, byte for byte.
    payload text not null,
    unique (owner, event_id)
);
create index told_events_of_owner on told_events (owner, id);
create index told_events_by_age on told_events (record_time);

create table webhook_endpoints (
    owner text primary key references partners (partner),
    url text not null,
    state text not null check (state in ('ENABLED', 'DISABLED')),
    disable_reason text check (disable_reason in ('GONE', 'BY_OWNER')),
    actor text not null,
    set_time timestamptz not null,
    check ((state = 'DISABLED') = (disable_reason is not null))
);

create table webhook_secrets (
    owner text not null references webhook_endpoints (owner),
    version int not null check (version > 0),
    key_id text not null,
    sealed bytea not null,
    create_time timestamptz not null,
    -- Until when it signs; null: it is the current one.
    end_time timestamptz,
    primary key (owner, version)
);
create unique index webhook_secrets_current on webhook_secrets (owner) where end_time is null;

create table webhook_deliveries (
    owner text not null references webhook_endpoints (owner),
    event bigint not null references told_events (id) on delete cascade,
    state text not null default 'PENDING' check (state in ('PENDING', 'DELIVERED', 'FAILED')),
    attempts int not null default 0,
    last_time timestamptz,
    last_status int,
    last_failure text check (last_failure in ('STATUS', 'NO_ANSWER', 'ADDRESS_REFUSED')),
    -- When it is sent next; while it is being sent, when somebody else may: null at the end.
    due_time timestamptz,
    -- Until when it counts as being sent; null: it is not.
    lease_time timestamptz,
    primary key (owner, event),
    check ((state = 'PENDING') = (due_time is not null)),
    check (lease_time is null or state = 'PENDING')
);
create index webhook_deliveries_due on webhook_deliveries (owner, due_time) where due_time is not null;
create index webhook_deliveries_of_event on webhook_deliveries (event);

grant select, insert on agreed_prices, link_policies to :"runtime_role";
grant select, insert, update, delete on link_codes to :"runtime_role";
grant select, insert on member_links to :"runtime_role";
grant update (usable_time, unlink_time, unlinker) on member_links to :"runtime_role";
grant select, insert, delete on told_events to :"runtime_role";
grant select, insert, update on webhook_endpoints, webhook_secrets, webhook_deliveries to :"runtime_role";
