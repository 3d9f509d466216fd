-- name: insert_waiting_return!
insert into waiting_returns (
    program_no, return_id, purchase_id, event_time, record_time, amount, lines, whole, actor, due_time
)
values (
    :program_no, :return_id, :purchase_id, :event_time, :record_time, :amount, :lines, :whole, :actor, :record_time
)
on conflict do nothing;

-- name: begin_returns_wait!
update programs set returns_wait = true where program_no = :program_no and not returns_wait;

-- name: hold_returns_wait$
-- Nobody writes that none waits until the transaction ends.
select returns_wait from programs where program_no = :program_no for key share;

-- name: find_waiting_return^
select * from waiting_returns where program_no = :program_no and return_id = :return_id;

-- name: hold_waiting_return^
select * from waiting_returns
where program_no = :program_no and return_id = :return_id and due_time is not null
for update;

-- name: delete_waiting_return!
delete from waiting_returns where program_no = :program_no and return_id = :return_id;

-- name: end_waiting_return!
update waiting_returns set due_time = null, refusal = :refusal
where program_no = :program_no and return_id = :return_id;

-- name: hold_program$
select program_no from programs where program_no = :program_no for update;

-- name: end_returns_wait!
update programs set returns_wait = false
where program_no = :program_no and returns_wait
    and not exists (select from waiting_returns where program_no = :program_no and due_time is not null);

-- name: wake_waiting_returns!
update waiting_returns set due_time = :due_time
where program_no = :program_no and purchase_id = any(:purchase_ids::text[]) and due_time > :due_time;

-- name: claim_waiting_returns
update waiting_returns set due_time = :lease_end, attempts = attempts + 1
where (program_no, return_id) in (
    select program_no, return_id from waiting_returns where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning program_no, return_id, attempts;

-- name: put_off_waiting_return!
update waiting_returns set due_time = :due_time
where program_no = :program_no and return_id = :return_id and due_time is not null;
