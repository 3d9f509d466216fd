-- Adjustments that were proposed, and what became of them: see docs/adr/0016.

-- name: insert_adjustment!
insert into adjustments (
    shard, id, program, state, sources, destinations, amounts, expire_times, available_times, effective_time, if_closed,
    memo, actor, person, record_time
) values (
    :shard, :id, :program, 1, :sources, :destinations, :amounts, :expire_times, :available_times, :effective_time,
    :if_closed, :memo, :actor, :person, :record_time
)
on conflict do nothing;

-- name: adjustment^
select id, program, state, sources, destinations, amounts, expire_times, available_times, effective_time, if_closed,
       memo, actor, person, record_time, resolve_actor, resolve_person, resolve_time, reason, transaction
from adjustments
where shard = :shard and id = :id;

-- name: adjustments_of
-- A program's, newest first.
select id, program, state, sources, destinations, amounts, expire_times, available_times, effective_time, if_closed,
       memo, actor, person, record_time, resolve_actor, resolve_person, resolve_time, reason, transaction
from adjustments
where shard = :shard and program = :program and id < :before
order by id desc
limit :limit;

-- name: adjustments_in_state
-- A program's in one state, newest first.
select id, program, state, sources, destinations, amounts, expire_times, available_times, effective_time, if_closed,
       memo, actor, person, record_time, resolve_actor, resolve_person, resolve_time, reason, transaction
from adjustments
where shard = :shard and program = :program and state = :state and id < :before
order by id desc
limit :limit;

-- name: lock_adjustments
select id, state, effective_time, if_closed, memo, actor, person, record_time, resolve_actor, resolve_person,
       resolve_time, reason, transaction
from adjustments
where shard = :shard and id = any(:ids::bigint[])
order by id
for no key update;

-- name: resolve_adjustment!
update adjustments
set state = :state, resolve_actor = :actor, resolve_person = :person, resolve_time = :record_time, reason = :reason,
    transaction = :transaction
where shard = :shard and id = :id and state = 1;

-- name: erase_adjustments!
-- What was written on those that an account has a part in.
update adjustments
set memo = null, reason = null
where shard = :shard and (sources || destinations) @> array[:account::bigint] and (memo is not null or reason is not null);
