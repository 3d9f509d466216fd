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

-- name: returns_of_purchases
select return_id, purchase_id, event_time, amount, lines, whole
from returns
where program_no = :program_no and purchase_id = any(:purchase_ids::text[]);
