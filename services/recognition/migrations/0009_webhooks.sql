-- What organisations are told of their public recognitions, and how.

create table told_events (
    -- Written by one consumer at a time, so the order of ids is the order of commits: a cursor skips nothing.
    id bigint generated always as identity (cache 1) primary key,
    owner text not null references organisations,
    event_id uuid not null,
    type text not null,
    time timestamptz not null,
    record_time timestamptz not null,
    -- The body of the webhook, byte for byte.
    payload text not null,
    unique (owner, event_id)
);
create index told_events_of_owner on told_events (owner, id);
-- What was told of a recognition is forgotten when it is not public any more.
create index told_events_of_recognition on told_events (owner, (payload::jsonb -> 'data' ->> 'recognition'));
create index told_events_by_age on told_events (record_time);

create table webhook_endpoints (
    owner text primary key references organisations,
    url text not null,
    state text not null check (state in ('ENABLED', 'DISABLED')),
    disable_reason text check (disable_reason in ('GONE', 'BY_OWNER')),
    actor text not null,
    set_time timestamptz not null,
    check ((state = 'DISABLED') = (disable_reason is not null))
);

create table webhook_secrets (
    owner text not null references webhook_endpoints,
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
    owner text not null references webhook_endpoints,
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

grant select, insert, delete on told_events to :"runtime_role";
grant select, insert, update on webhook_endpoints, webhook_secrets, webhook_deliveries to :"runtime_role";
