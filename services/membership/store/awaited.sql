-- name: insert_awaited!
insert into awaited_credits (program_no, actor, purchase_id, member_no, tranche, event, until, released, due_time)
select :program_no, :actor, row.*
from unnest(
    :purchase_ids::text[], :member_nos::bigint[], :tranches::smallint[], :events::text[], :untils::timestamptz[],
    :released::boolean[], :due_times::timestamptz[]
) as row (purchase_id, member_no, tranche, event, until, released, due_time);

-- name: awaited_of_purchases
select purchase_id, tranche, event, until, released, state, end_time from awaited_credits
where program_no = :program_no and purchase_id = any(:purchase_ids::text[])
order by purchase_id, tranche;

-- name: end_awaited!
-- Of all credits that wait, or of some.
update awaited_credits set state = :state, end_time = :end_time, due_time = null
where program_no = :program_no and purchase_id = :purchase_id and state = 1
    and (:tranches::smallint[] is null or tranche = any(:tranches::smallint[]));

-- name: claim_awaited
update awaited_credits set due_time = :lease_end, attempts = attempts + 1
where (program_no, purchase_id, tranche) in (
    select program_no, purchase_id, tranche from awaited_credits where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning program_no, purchase_id, attempts;

-- name: put_off_awaited!
update awaited_credits set due_time = :due_time
where program_no = :program_no and purchase_id = :purchase_id and state = 1;

-- name: wait_on!
-- Until their longest wait is over.
update awaited_credits set due_time = until
where program_no = :program_no and purchase_id = :purchase_id and state = 1;

-- name: awaited_actor$
select actor from awaited_credits where program_no = :program_no and purchase_id = :purchase_id
order by tranche limit 1;

-- name: insert_purchase_event$
insert into purchase_events (program_no, event_id, purchase_id, event, event_time, record_time, actor)
values (:program_no, :event_id, :purchase_id, :event, :event_time, :record_time, :actor)
on conflict do nothing
returning event_id;

-- name: find_purchase_event^
select purchase_id, event, event_time, record_time from purchase_events
where program_no = :program_no and event_id = :event_id;

-- name: told_of_purchase
-- Of each type the first that happened: if any happened while points waited, that one did.
select event, min(event_time) as event_time from purchase_events
where program_no = :program_no and purchase_id = :purchase_id
group by event;
