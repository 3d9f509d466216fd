-- What a batch has decided is written by one call: see docs/adr/0067.

-- The batch that wrote an account last, by the first of the ids that it drew; 0: none since it was opened. As long as it is the
-- same, so is all of the account: its row, its lots and its holds.
alter table accounts add batch bigint not null default 0;

-- The types are rows of the tables below as a batch
-- makes or changes them, without their shard, which the call names once.
create type new_transaction as (
    id bigint, program int, kind smallint, postings smallint, effective_time timestamptz, record_time timestamptz,
    actor text, memo text, memo_salt bytea, reverses bigint
);
create type new_posting as (
    id bigint, ordinal smallint, source bigint, destination bigint, amount bigint, source_version bigint,
    source_posted bigint, destination_version bigint, destination_posted bigint, lots bigint[], lot_deltas bigint[],
    source_debt_delta bigint, destination_debt_delta bigint, hold bigint
);
create type new_event as (
    account bigint, version bigint, kind smallint, hold bigint, held_delta bigint, lots bigint[], lot_deltas bigint[],
    debt_delta bigint, actor text, record_time timestamptz, expire_time timestamptz, expire_times_before timestamptz[]
);
create type new_lot as (
    id bigint, account bigint, posting bigint, amount bigint, open bigint, held bigint, expired bigint,
    expire_time timestamptz, available_time timestamptz, record_time timestamptz, budget bigint
);
create type changed_lot as (id bigint, open bigint, held bigint, expired bigint);
create type new_hold as (
    id bigint, account bigint, amount bigint, state smallint, captured bigint, lots bigint[], lot_amounts bigint[],
    expire_time timestamptz, purpose text, actor text, record_time timestamptz, resolve_time timestamptz
);
create type changed_hold as (id bigint, state smallint, captured bigint, resolve_time timestamptz);
-- An account that a batch has decided on: who had written it last then, and what it is from now on, if it is `changed`. Its
-- version then is for a ledger of the release before, which may still be running and does not say which batch it writes.
create type decided_account as (
    id bigint, old_batch bigint, old_version bigint, changed boolean, version bigint, posted bigint, held bigint,
    pending bigint, debt bigint, available bigint, earned bigint, spent bigint, record_time timestamptz,
    valid_until timestamptz
);
create type new_request as (key bytea, digest bytea, fields bytea, outcome bytea, refusal text);

-- Writes a batch's part in one shard: what was decided under lock, within the transaction that holds the locks, if
-- `in_programs` is null; else what was decided without, if all of it still holds. It raises serialization_failure and writes
-- nothing where an account is not what it was decided on, the books of one of these programs are not closed as was believed,
-- it begins later than `in_latest`, or a request has been recorded by another. As in a batch that locks what it reads, accounts are locked first, in order, and
-- every statement sees what was committed before its own beginning: so does what a function does at READ COMMITTED.
create function write_batch(
    in_shard int, in_batch bigint, in_transactions new_transaction[], in_postings new_posting[], in_events new_event[],
    in_lots new_lot[], in_changed_lots changed_lot[], in_holds new_hold[], in_changed_holds changed_hold[],
    in_accounts decided_account[], in_requests new_request[], in_record_time timestamptz,
    in_programs int[], in_close_times timestamptz[], in_latest timestamptz
) returns void language plpgsql
-- What is changed is looked up by its key, row by row, however few rows a young table was planned for.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as
$$
declare
    found_rows int;
    -- One account alone is locked by its update, which looks at it once more after the wait.
    one_changes constant boolean not null := coalesce(cardinality(in_accounts) = 1 and (in_accounts[1]).changed, false);
begin
    if clock_timestamp() > in_latest then
        raise exception 'it was decided too long ago' using errcode = 'serialization_failure';
    end if;
    if in_programs is not null and cardinality(in_accounts) > 0 and not one_changes then
        -- What is compared is compared after the wait for a lock: not in the inner `where`, which is looked at before it.
        select count(*) into found_rows
        from (
            select a.batch, a.version, d.old_batch, d.old_version
            from unnest(in_accounts) as d
            join accounts a on a.id = d.id
            where a.shard = in_shard
            order by a.id
            for no key update of a
        ) as locked
        where batch = old_batch and version = old_version;
        if found_rows <> cardinality(in_accounts) then
            raise exception 'an account has changed' using errcode = 'serialization_failure';
        end if;
    end if;
    if cardinality(in_accounts) > 0 then
        update accounts a
        set version = n.version, posted = n.posted, held = n.held, pending = n.pending, debt = n.debt,
            available = n.available, earned = n.earned, spent = n.spent, record_time = n.record_time,
            valid_until = n.valid_until, batch = in_batch
        from unnest(in_accounts) as n
        where a.shard = in_shard and a.id = n.id and a.batch = n.old_batch and a.version = n.old_version
          and n.changed;
        get diagnostics found_rows = row_count;
        if (one_changes or in_programs is null) and found_rows <> cardinality(in_accounts) then
            raise exception 'an account has changed' using errcode = 'serialization_failure';
        end if;
    end if;
    if in_programs is not null then
        if in_close_times is distinct from array(
            select (select b.close_time from books_changes b
                    where b.shard = in_shard and b.program = p.program
                    order by b.number desc
                    limit 1)
            from unnest(in_programs) with ordinality as p (program, place)
            order by p.place
        ) then
            raise exception 'books were closed or reopened' using errcode = 'serialization_failure';
        end if;
    end if;
    if cardinality(in_transactions) > 0 then
        insert into transactions (
            shard, id, program, kind, postings, effective_time, record_time, actor, memo, memo_salt, reverses
        )
        select in_shard, n.* from unnest(in_transactions) as n;
    end if;
    if cardinality(in_postings) > 0 then
        insert into postings (
            shard, id, ordinal, source, destination, amount, source_version, source_posted, destination_version,
            destination_posted, lots, lot_deltas, source_debt_delta, destination_debt_delta, hold
        )
        select in_shard, n.* from unnest(in_postings) as n;
    end if;
    if cardinality(in_events) > 0 then
        insert into account_events (
            shard, account, version, kind, hold, held_delta, lots, lot_deltas, debt_delta, actor, record_time,
            expire_time, expire_times_before
        )
        select in_shard, n.* from unnest(in_events) as n;
    end if;
    if cardinality(in_lots) > 0 then
        insert into lots (
            shard, id, account, posting, amount, open, held, expired, expire_time, available_time, record_time, budget,
            closed
        )
        select in_shard, n.*, n.open = 0 from unnest(in_lots) as n;
    end if;
    if cardinality(in_changed_lots) > 0 then
        update lots l
        set open = n.open, held = n.held, expired = n.expired, closed = (n.open = 0)
        from unnest(in_changed_lots) as n
        where l.shard = in_shard and l.id = n.id;
        get diagnostics found_rows = row_count;
        if found_rows <> cardinality(in_changed_lots) then
            raise exception 'a lot vanished under its account''s lock' using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    if cardinality(in_holds) > 0 then
        insert into holds (
            shard, id, account, amount, state, captured, lots, lot_amounts, expire_time, purpose, actor, record_time,
            resolve_time
        )
        select in_shard, n.* from unnest(in_holds) as n;
    end if;
    if cardinality(in_changed_holds) > 0 then
        update holds h
        set state = n.state, captured = n.captured, resolve_time = n.resolve_time
        from unnest(in_changed_holds) as n
        where h.shard = in_shard and h.id = n.id and h.state = 1;
        get diagnostics found_rows = row_count;
        if found_rows <> cardinality(in_changed_holds) then
            raise exception 'a hold was resolved under its account''s lock' using errcode = 'integrity_constraint_violation';
        end if;
    end if;
    if cardinality(in_requests) > 0 then
        -- Sorted by key, so that two workers with the same requests wait for each other instead of locking each other out.
        insert into ledger_requests (shard, key, digest, fields, outcome, refusal, record_time)
        select in_shard, n.key, n.digest, n.fields, n.outcome, n.refusal::jsonb, in_record_time
        from unnest(in_requests) as n
        order by n.key
        on conflict do nothing;
        get diagnostics found_rows = row_count;
        if found_rows <> cardinality(in_requests) then
            raise exception 'a request was recorded by another' using errcode = 'serialization_failure';
        end if;
    end if;
end
$$;
