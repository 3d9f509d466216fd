-- What every service keeps beside its own tables: request records, outbox, relay and consumer positions.

create table requests (
    key bytea primary key,
    digest bytea not null,
    fields bytea not null,
    outcome bytea,
    refusal jsonb,
    record_time timestamptz not null default now(),
    check ((outcome is null) <> (refusal is null))
);
-- Rows come in the order of time, so a few bytes for each range of pages find the old ones.
create index requests_record_time on requests using brin (record_time) with (autosummarize = on);

create table outbox (
    -- No cache: the order of ids must be the order of drawing them.
    id bigint generated always as identity (cache 1) primary key,
    xid xid8 not null default pg_current_xact_id(),
    event_id uuid not null default gen_random_uuid(),
    type text not null,
    subject text not null,
    key text not null,
    time timestamptz not null,
    record_time timestamptz not null default now(),
    data jsonb not null
);
create index outbox_xid on outbox (xid);

create table relay_positions (
    source text primary key,
    -- All that this snapshot sees has been sent.
    since pg_snapshot not null,
    -- While a round of several pages goes on: the snapshot it runs up to, and the last id it sent.
    until pg_snapshot,
    last_id bigint not null default 0,
    -- The newest entry that we know to be in the stream.
    entry_id text not null default '0-0',
    check (until is not null or last_id = 0)
);

create table consumer_positions (
    consumer text not null,
    stream text not null,
    entry_id text not null default '0-0',
    primary key (consumer, stream)
);

create table consumed_events (
    consumer text not null,
    event_id uuid not null,
    record_time timestamptz not null default now(),
    primary key (consumer, event_id)
);
create index consumed_events_record_time on consumed_events using brin (record_time) with (autosummarize = on);

create table parked_events (
    consumer text not null,
    event_id uuid not null,
    stream text not null,
    entry_id text not null,
    event jsonb not null,
    error text not null,
    record_time timestamptz not null default now(),
    primary key (consumer, event_id)
);

grant usage on schema public to :"runtime_role";
-- What was recorded is never changed; old rows are deleted when their time is over.
grant select, insert, delete on requests, outbox, consumed_events, parked_events to :"runtime_role";
grant select, insert, update on relay_positions, consumer_positions to :"runtime_role";
