-- Recognitions that were given elsewhere, imported.

-- One row for each external id that was imported or is about to be: what makes it count once.
create table imported_recognitions (
    organisation text not null references organisations,
    external_id text not null,
    recognition text not null,
    -- Of what came with the id: the same id with something else is told apart.
    digest bytea not null,
    primary key (organisation, external_id)
);

-- Rows that came together: the ledger is asked for their points at once.
create table import_chunks (
    organisation text not null references organisations,
    chunk text not null,
    state text not null default 'pending' check (state in ('pending', 'settled')),
    -- What is to be posted; gone once it is.
    content jsonb,
    already_imported bigint not null,
    -- What rows were refused for, by their places in the chunk.
    refusals jsonb not null,
    imported bigint not null default 0,
    actor text not null,
    create_time timestamptz not null,
    due_time timestamptz not null,
    attempts integer not null default 0,
    primary key (organisation, chunk),
    check ((state = 'pending') = (content is not null))
);
create index import_chunks_due on import_chunks (due_time) where state = 'pending';

grant select, insert, delete on imported_recognitions to :"runtime_role";
grant select, insert, update on import_chunks to :"runtime_role";
