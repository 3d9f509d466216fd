-- name: insert_return!
insert into returns (
    program_no, return_id, purchase_id, event_time, record_time, amount, lines, whole, points, cumulative_amount,
    cumulative_points, state, actor
)
values (
    :program_no, :return_id, :purchase_id, :event_time, :record_time, :amount, :lines, :whole, :points, :cumulative_amount,
    :cumulative_points, :state, :actor
)
on conflict do nothing;

-- name: find_return^
select * from returns where program_no = :program_no and return_id = :return_id;

-- name: settle_return!
update returns set state = :state, reversed_points = :reversed_points
where program_no = :program_no and return_id = :return_id and state = :pending;

-- name: returns_of_purchase
select amount, lines, whole from returns where program_no = :program_no and purchase_id = :purchase_id;

-- name: insert_waiting_return!
insert into waiting_returns (
    program_no, return_id, purchase_id, event_time, record_time, amount, lines, whole, actor, due_time
)
values (
    :program_no, :return_id, :purchase_id, :event_time, :record_time, :amount, :lines, :whole, :actor, :record_time
)
on conflict do nothing;

-- name: find_waiting_return^
select * from waiting_returns where program_no = :program_no and return_id = :return_id;

-- name: hold_waiting_return^
select * from waiting_returns where program_no = :program_no and return_id = :return_id and refusal is null for update;

-- name: delete_waiting_return!
delete from waiting_returns where program_no = :program_no and return_id = :return_id;

-- name: refuse_waiting_return!
update waiting_returns set refusal = :refusal where program_no = :program_no and return_id = :return_id;

-- name: claim_waiting_returns
-- Those whose purchase has arrived.
update waiting_returns set due_time = :lease_end, attempts = attempts + 1
where (program_no, return_id) in (
    select w.program_no, w.return_id
    from waiting_returns w
    join purchases p on p.program_no = w.program_no and p.purchase_id = w.purchase_id
    where w.due_time <= :now and w.refusal is null
    order by w.due_time limit :most for update of w skip locked
)
returning program_no, return_id, attempts;

-- name: put_off_waiting_return!
update waiting_returns set due_time = :due_time where program_no = :program_no and return_id = :return_id;
