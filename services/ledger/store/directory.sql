-- Programs, units and accounts: what never changes of them is kept in memory once read.

-- name: program_by_id^
select program, id, time_zone, shard from programs where id = :id;

-- name: program_by_number^
select program, id, time_zone, shard from programs where program = :program;

-- name: display_name_of_program$
select display_name from programs where program = :program;

-- name: update_program!
update programs set display_name = :display_name where program = :program;

-- name: insert_program^
insert into programs (program, id, display_name, time_zone, shard, create_time)
values (nextval('ledger_numbers'), :id, :display_name, :time_zone, :shard, :create_time)
on conflict do nothing
returning program, id, time_zone, shard;

-- name: unit_by_id^
select unit, id, display_name, scale from units where program = :program and id = :id;

-- name: units_of
select unit, id, display_name, scale from units where program = :program order by unit;

-- name: insert_unit^
insert into units (program, unit, id, display_name, scale)
values (:program, nextval('ledger_numbers'), :id, :display_name, :scale)
on conflict do nothing
returning unit, id, display_name, scale;

-- name: accounts_by_name
select shard, id, program, unit, kind, name, create_time, outgoing
from accounts
where shard = :shard and program = :program and name = any(:names::text[]);

-- name: accounts_by_id
select shard, id, program, unit, kind, name, create_time, outgoing
from accounts
where shard = :shard and id = any(:ids::bigint[]);

-- name: system_accounts
select shard, id, program, unit, kind, name, create_time, outgoing
from accounts
where shard = :shard and program = :program and kind <> 1;

-- name: insert_accounts
-- Sorted by name, so that two that make the same accounts wait for each other instead of locking each other out.
insert into accounts (shard, id, program, unit, kind, name, create_time, outgoing)
select
    :shard::int, n.id, :program::int, n.unit, n.kind, n.name, :create_time::timestamptz,
    string_to_array(n.outgoing, ',')::smallint[]
from
    unnest(:ids::bigint[], :units::int[], :kinds::smallint[], :names::text[], :outgoings::text[])
    as n (id, unit, kind, name, outgoing)
order by n.name
on conflict do nothing
returning shard, id, program, unit, kind, name, create_time, outgoing;

-- name: transaction^
select id, program, kind, postings, effective_time, record_time, actor, memo, reverses
from transactions
where shard = :shard and id = :id;

-- name: postings_of
select id, ordinal, source, destination, amount, lots, lot_deltas
from postings
where shard = :shard and id >= :first and id < :last
order by id;

-- name: statement
-- Each side has an index that gives its newest entries in order: no more than two pages' worth is read.
with entries as (
    (select p.id - p.ordinal as transaction, -p.amount as amount, p.source_posted as posted,
            p.source_version as version, p.destination as counterparty
     from postings p
     where p.shard = :shard and p.source = :account and p.source_version < :before
     order by p.source_version desc
     limit :limit)
    union all
    (select p.id - p.ordinal, p.amount, p.destination_posted, p.destination_version, p.source
     from postings p
     where p.shard = :shard and p.destination = :account and p.destination_version < :before
     order by p.destination_version desc
     limit :limit)
)
select e.transaction, e.amount, e.posted, e.version, e.counterparty, t.kind, t.effective_time, t.record_time, t.memo
from entries e
join transactions t on t.shard = :shard and t.id = e.transaction
order by e.version desc
limit :limit;
