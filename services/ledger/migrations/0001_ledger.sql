-- The ledger. `shard` is the distribution column: it leads every key of the tables below and never changes. `programs`
-- and `units` are small and shared: reference tables where the tables are distributed.

create table programs (
    program int primary key,
    id text not null unique,
    display_name text not null,
    time_zone text not null,
    shard int not null,
    create_time timestamptz not null
);

create table units (
    program int not null references programs,
    unit int not null,
    id text not null,
    display_name text not null,
    scale smallint not null check (scale between 0 and 9),
    primary key (program, unit),
    unique (program, id)
);

-- Up to when a program's books are closed: nothing that happened before its latest `close_time` is posted any more. A
-- closing has a later one than the row before; a reopening has an earlier one, or none. See docs/adr/0013.
create table books_changes (
    shard int not null,
    program int not null,
    number int not null,
    close_time timestamptz,
    actor text not null,
    -- Who decided it: the actor, or whom the actor acts for. Reopening takes another person.
    person text not null,
    reason text not null,
    record_time timestamptz not null,
    xid xid8 not null default pg_current_xact_id(),
    primary key (shard, program, number),
    check (close_time <= record_time)
);
create index books_changes_shard_xid on books_changes (shard, xid);

-- What a program's policies are from then on: the newest row is in force.
create table policy_changes (
    shard int not null,
    program int not null,
    number int not null check (number > 0),
    -- The most that one person may adjust alone, unit by unit; unit 0 stands for those that are not named.
    limit_units int[] not null,
    adjustment_limits bigint[] not null check (0 <= all (adjustment_limits)),
    -- How long points live that are given back after they have expired.
    restored_lot_grace interval not null
        check (restored_lot_grace >= interval '0' and restored_lot_grace <= interval '366 days'),
    actor text not null,
    record_time timestamptz not null,
    xid xid8 not null default pg_current_xact_id(),
    primary key (shard, program, number),
    check (cardinality(limit_units) = cardinality(adjustment_limits))
);
create index policy_changes_shard_xid on policy_changes (shard, xid);

-- Numbers of programs and units.
create sequence ledger_numbers as int;

-- One number space for accounts, transactions, postings, lots and holds, handed out to workers in blocks.
create sequence ledger_ids increment by 4096 cache 1;

create table accounts (
    shard int not null,
    id bigint not null,
    program int not null,
    unit int not null,
    kind smallint not null check (kind between 1 and 7),
    -- Open, frozen or closed. A system account is always open.
    state smallint not null default 1 check (state between 1 and 3 and (state = 1 or kind = 1)),
    name text not null,
    create_time timestamptz not null,
    -- By which kinds of transaction its points may leave it; none: by all.
    outgoing smallint[] not null default '{}' check (outgoing = '{}' or kind = 1),
    -- From here on: members only. The state after change number `version`, which was recorded at `record_time`.
    version bigint not null default 0,
    posted bigint not null default 0,
    held bigint not null default 0 check (held >= 0),
    pending bigint not null default 0 check (pending >= 0),
    debt bigint not null default 0 check (debt >= 0),
    available bigint not null default 0,
    earned bigint not null default 0,
    spent bigint not null default 0,
    record_time timestamptz not null default '-infinity',
    -- When the clock alone next changes `held`, `pending` or `available`.
    valid_until timestamptz not null default 'infinity',
    primary key (shard, id),
    unique (shard, program, name),
    check (state <> 3 or (posted = 0 and held = 0 and pending = 0 and debt = 0))
) with (fillfactor = 80);
-- What the sweeper goes by. It changes only when the soonest moment does, so that most updates stay in their page.
create index accounts_valid_until on accounts (shard, valid_until) where valid_until < 'infinity';
-- For lists of the few that are not as most are. No posting changes what these have.
create index accounts_system on accounts (shard, program, kind, name) where kind <> 1;
create index accounts_not_open on accounts (shard, program, state, name) where state <> 1;

-- What callers wrote on accounts; it can be erased. Beside them, because every change writes an account's row anew.
create table account_labels (
    shard int not null,
    account bigint not null,
    labels jsonb not null,
    primary key (shard, account)
);

create table transactions (
    shard int not null,
    id bigint not null,
    program int not null,
    kind smallint not null check (kind between 1 and 11),
    postings smallint not null check (postings between 1 and 100),
    effective_time timestamptz not null,
    record_time timestamptz not null,
    actor text not null,
    -- Words may be erased; what is sealed of them is a digest that says nothing once the salt is gone too.
    memo text,
    memo_salt bytea,
    -- The digest, from the erasure on: sha256 of the salt and the words.
    memo_digest bytea,
    reverses bigint,
    primary key (shard, id),
    check ((kind = 8) = (reverses is not null)),
    check (effective_time <= record_time),
    check ((memo is null) = (memo_salt is null)),
    check (memo is null or memo_digest is null)
);
create index transactions_reverses on transactions (shard, reverses) where reverses is not null;
-- For balances at a time, which leave out what was recorded since: rows lie in the order of their times, nearly.
create index transactions_record_time on transactions using brin (record_time)
    with (autosummarize = on, pages_per_range = 32);

-- One row carries both sides: that the entries of a unit sum to zero cannot be otherwise.
create table postings (
    shard int not null,
    -- The transaction's id plus `ordinal`.
    id bigint not null,
    ordinal smallint not null,
    source bigint not null,
    destination bigint not null check (destination <> source),
    amount bigint not null check (amount > 0),
    -- For a member account: its version and its posted balance after this posting.
    source_version bigint,
    source_posted bigint,
    destination_version bigint,
    destination_posted bigint,
    -- What the posting did to the lots' `open`, and to the accounts' debt. A lot that it made has the posting's id; only
    -- a transfer or a merge makes several, and names them with a change of 0.
    lots bigint[],
    lot_deltas bigint[],
    source_debt_delta bigint not null default 0,
    destination_debt_delta bigint not null default 0,
    hold bigint,
    xid xid8 not null default pg_current_xact_id(),
    primary key (shard, id),
    check ((source_version is null) = (source_posted is null)),
    check ((destination_version is null) = (destination_posted is null)),
    check ((lots is null) = (lot_deltas is null))
);
create index postings_source on postings (shard, source, source_version) where source_version is not null;
create index postings_destination on postings (shard, destination, destination_version)
    where destination_version is not null;
-- What followers of the journal go by, shard by shard: by xid alone, a shard where nothing happens would read all that
-- happened in the others. A batch shares its xid, so that equal keys are kept as one with a list of rows.
create index postings_shard_xid on postings (shard, xid);

-- Changes of a member account that move no points.
create table account_events (
    shard int not null,
    account bigint not null,
    version bigint not null,
    kind smallint not null check (kind between 1 and 9),
    hold bigint,
    held_delta bigint not null default 0,
    lots bigint[],
    lot_deltas bigint[],
    debt_delta bigint not null default 0,
    actor text not null,
    record_time timestamptz not null,
    -- Where lots were given another expiry: which, and what each of them had.
    expire_time timestamptz,
    expire_times_before timestamptz[],
    xid xid8 not null default pg_current_xact_id(),
    primary key (shard, account, version),
    check ((kind = 8) = (expire_time is not null)),
    check ((kind = 8) = (expire_times_before is not null))
);
create index account_events_shard_xid on account_events (shard, xid);

create table lots (
    shard int not null,
    id bigint not null,
    account bigint not null,
    posting bigint not null,
    amount bigint not null check (amount > 0),
    open bigint not null check (open between 0 and amount),
    held bigint not null default 0 check (held between 0 and open),
    -- How much of it was taken by expiry.
    expired bigint not null default 0 check (expired between 0 and amount),
    expire_time timestamptz not null default 'infinity',
    -- 'infinity': it is pending until it is activated.
    available_time timestamptz not null,
    -- The times that it was made with, once one of them was changed.
    first_expire_time timestamptz,
    first_available_time timestamptz,
    record_time timestamptz not null,
    -- The budget account that funded it, to which it returns when it expires.
    budget bigint,
    -- A column of its own for the index below: taking part of a lot then leaves every index alone.
    closed boolean not null check (closed = (open = 0)),
    primary key (shard, id),
    check (available_time < expire_time or available_time = 'infinity')
) with (fillfactor = 80);
create index lots_open on lots (shard, account) where not closed;

create table holds (
    shard int not null,
    id bigint not null,
    account bigint not null,
    amount bigint not null check (amount > 0),
    state smallint not null check (state between 1 and 4),
    captured bigint not null default 0 check (captured between 0 and amount),
    lots bigint[] not null,
    lot_amounts bigint[] not null,
    expire_time timestamptz not null,
    purpose text,
    actor text not null,
    record_time timestamptz not null,
    resolve_time timestamptz,
    primary key (shard, id),
    check ((state = 1) = (resolve_time is null))
) with (fillfactor = 80);
create index holds_active on holds (shard, account) where state = 1;

-- Adjustments that one person proposed, for another to approve: see docs/adr/0016. What was proposed never changes.
create table adjustments (
    shard int not null,
    id bigint not null,
    program int not null,
    -- Proposed, approved or rejected.
    state smallint not null check (state between 1 and 3),
    sources bigint[] not null,
    destinations bigint[] not null,
    amounts bigint[] not null,
    expire_times timestamptz[] not null,
    available_times timestamptz[] not null,
    effective_time timestamptz,
    if_closed smallint not null check (if_closed between 1 and 2),
    -- Words may be erased.
    memo text,
    actor text not null,
    -- Who decided it: the actor, or whom the actor acts for. Approving takes another person.
    person text not null,
    record_time timestamptz not null,
    resolve_actor text,
    resolve_person text,
    resolve_time timestamptz,
    reason text,
    -- What its approval posted.
    transaction bigint,
    primary key (shard, id),
    check (cardinality(sources) between 1 and 100
        and array[cardinality(destinations), cardinality(amounts), cardinality(expire_times),
                  cardinality(available_times)] = array_fill(cardinality(sources), array[4])),
    check ((state = 1) = (resolve_actor is null) and (state = 1) = (resolve_person is null)
        and (state = 1) = (resolve_time is null)),
    check ((state = 2) = (transaction is not null)),
    check (state <> 2 or resolve_person <> person)
);
create index adjustments_of_program on adjustments (shard, program, id);
create index adjustments_of_state on adjustments (shard, program, state, id);
-- For erasing what was written about an account.
create index adjustments_accounts on adjustments using gin ((sources || destinations));

-- Beside its effect. Kept under another name than the kit's `requests`, which has no shard.
create table ledger_requests (
    shard int not null,
    key bytea not null,
    digest bytea not null,
    fields bytea not null,
    outcome bytea,
    refusal jsonb,
    record_time timestamptz not null,
    primary key (shard, key),
    check ((outcome is null) <> (refusal is null))
);
create index ledger_requests_record_time on ledger_requests using brin (record_time) with (autosummarize = on);

-- A system account's balance: what the snapshot `since` sees of it. What came later is read from the postings.
create table checkpoints (
    shard int not null,
    account bigint not null,
    -- Nothing bounds a system account: what one program issues may pass int64 while every member's balance stays in it.
    posted numeric not null,
    primary key (shard, account)
);
create table checkpoint_positions (
    shard int primary key,
    since pg_snapshot not null
);

-- What the credit limit of a system account leaves: the limit plus the balance, moved with every posting from or to the
-- account, under this row's lock. An account that never had a limit has no row; one without a limit now, or whose
-- balance is still being counted, has one without numbers. See docs/adr/0010.
create table slices (
    shard int not null,
    account bigint not null,
    credit_limit bigint check (credit_limit >= 0),
    -- What comes in is never refused: this may pass int64 as the balance may.
    available numeric,
    primary key (shard, account),
    check ((credit_limit is null) = (available is null))
) with (fillfactor = 50);

-- The latest of an account's credit limits is in force.
create table credit_limit_changes (
    shard int not null,
    account bigint not null,
    number int not null,
    credit_limit bigint check (credit_limit >= 0),
    -- Right after the change.
    available bigint,
    actor text not null,
    reason text not null,
    record_time timestamptz not null,
    xid xid8 not null default pg_current_xact_id(),
    primary key (shard, account, number),
    check ((credit_limit is null) = (available is null))
);
create index credit_limit_changes_shard_xid on credit_limit_changes (shard, xid);

-- The hash chain of a shard: block after block, what transactions of PostgreSQL from `first_xid` up to, but not with,
-- `end_xid` have written. See docs/explanation/chain.md.
create table seals (
    shard int not null,
    block bigint not null check (block > 0),
    first_xid xid8 not null,
    end_xid xid8 not null check (end_xid > first_xid),
    -- Where the postings, and the lots that they made, lie among the ids.
    first_id bigint not null,
    last_id bigint not null,
    transactions int not null,
    postings int not null,
    -- Account events, and changes of books, of policies and of credit limits.
    events int not null check (transactions + events > 0),
    seal_time timestamptz not null,
    previous bytea not null,
    hash bytea not null,
    -- The first bytes of each leaf, in order: they name the row that was changed.
    marks bytea not null,
    primary key (shard, block)
);
-- Incompressible, and read only by verification.
alter table seals alter marks set storage external;
-- Whoever seals a shard has its row locked.
create table sealers (
    shard int primary key
);

-- Names the cached balances that may be believed. See docs/explanation/balance-cache.md.
create table cache_generation (
    only_row boolean primary key default true check (only_row),
    generation bigint not null
);
insert into cache_generation (generation) values (1);

-- The processes that use the cache: when each was last heard of, and whether it cannot reach Redis.
create table cache_workers (
    worker bigint primary key,
    seen timestamptz not null,
    cut_off boolean not null
);

-- Until a table's first ANALYZE, a minute or longer after it was made, PostgreSQL expects a shard to hold a two-hundredth of
-- its rows, and would rather read all of those than look up a thousand. It is told here that there is one shard, as there
-- is at first: statistics outlast the row that they were made of.
alter table accounts alter column shard set (n_distinct = 1);
alter table transactions alter column shard set (n_distinct = 1);
alter table postings alter column shard set (n_distinct = 1);
alter table account_events alter column shard set (n_distinct = 1);
alter table lots alter column shard set (n_distinct = 1);
alter table holds alter column shard set (n_distinct = 1);
alter table ledger_requests alter column shard set (n_distinct = 1);
insert into accounts (shard, id, program, unit, kind, name, create_time) values (0, 0, 0, 0, 1, '', now());
insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
values (0, 0, 0, 1, 1, now(), now(), '');
insert into postings (shard, id, ordinal, source, destination, amount) values (0, 0, 0, 0, 1, 1);
insert into account_events (shard, account, version, kind, actor, record_time) values (0, 0, 1, 1, '', now());
insert into lots (shard, id, account, posting, amount, open, available_time, record_time, closed)
values (0, 0, 0, 0, 1, 1, now(), now(), false);
insert into holds (shard, id, account, amount, state, lots, lot_amounts, expire_time, actor, record_time)
values (0, 0, 0, 1, 1, '{}', '{}', now(), '', now());
insert into ledger_requests (shard, key, digest, fields, outcome, record_time) values (0, '', '', '', '', now());
analyze accounts (shard), transactions (shard), postings (shard), account_events (shard), lots (shard), holds (shard),
    ledger_requests (shard);
truncate accounts, transactions, postings, account_events, lots, holds, ledger_requests;
do $$
begin
    -- A table that was never analysed is taken for ten pages at least, and these were. Before PostgreSQL 18 it stays so.
    if current_setting('server_version_num')::int >= 180000 then
        perform pg_clear_relation_stats(current_schema(), name)
        from unnest(array['accounts', 'transactions', 'postings', 'account_events', 'lots', 'holds', 'ledger_requests'])
            as name;
    end if;
end
$$;
alter table accounts alter column shard reset (n_distinct);
alter table transactions alter column shard reset (n_distinct);
alter table postings alter column shard reset (n_distinct);
alter table account_events alter column shard reset (n_distinct);
alter table lots alter column shard reset (n_distinct);
alter table holds alter column shard reset (n_distinct);
alter table ledger_requests alter column shard reset (n_distinct);

-- Grants are the guard of immutability; the triggers below say the same to an owner's careless hand.
grant select, insert on programs, units, books_changes, policy_changes, credit_limit_changes, transactions, postings,
    account_events, seals to :"runtime_role";
-- To erase words. The trigger below keeps it to that.
grant update (memo, memo_salt, memo_digest) on transactions to :"runtime_role";
grant select, insert, delete on ledger_requests to :"runtime_role";
grant update (display_name) on programs to :"runtime_role";
grant select, insert, update (state, memo, resolve_actor, resolve_person, resolve_time, reason, transaction)
    on adjustments to :"runtime_role";
grant select, insert, update, delete on account_labels to :"runtime_role";
grant select, insert, update on accounts, lots, holds, slices, checkpoints, checkpoint_positions, sealers
    to :"runtime_role";
grant select, insert, update, delete on cache_workers to :"runtime_role";
grant select, update on cache_generation to :"runtime_role";
grant usage on sequence ledger_ids, ledger_numbers to :"runtime_role";

create function refuse_change() returns trigger language plpgsql as
$$begin raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation'; end$$;
create trigger transactions_append_only
    before delete or truncate or update of
        shard, id, program, kind, postings, effective_time, record_time, actor, reverses
    on transactions for each statement execute function refuse_change();
create trigger transactions_words_only_erased before update on transactions
    for each row when (
        old.memo is null or new.memo is not null
        or new.memo_digest is distinct from sha256(old.memo_salt || convert_to(old.memo, 'UTF8'))
    ) execute function refuse_change();
create trigger postings_append_only before update or delete or truncate on postings
    for each statement execute function refuse_change();
create trigger books_changes_append_only before update or delete or truncate on books_changes
    for each statement execute function refuse_change();
create trigger credit_limit_changes_append_only before update or delete or truncate on credit_limit_changes
    for each statement execute function refuse_change();
create trigger policy_changes_append_only before update or delete or truncate on policy_changes
    for each statement execute function refuse_change();
create trigger adjustments_proposed_for_ever
    before delete or truncate or update of
        shard, id, program, sources, destinations, amounts, expire_times, available_times, effective_time, if_closed, actor,
        person, record_time
    on adjustments for each statement execute function refuse_change();
create trigger adjustments_resolved_once before update on adjustments
    for each row when (
        (new.memo is not null and new.memo is distinct from old.memo)
        or (old.state <> 1 and (new.state, new.resolve_actor, new.resolve_person, new.resolve_time, new.transaction)
            is distinct from (old.state, old.resolve_actor, old.resolve_person, old.resolve_time, old.transaction))
    ) execute function refuse_change();
create trigger account_events_append_only before update or delete or truncate on account_events
    for each statement execute function refuse_change();
create trigger seals_append_only before update or delete or truncate on seals
    for each statement execute function refuse_change();
