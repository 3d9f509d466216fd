-- name: changes_of_purchases
-- With what is left of what they credited, in the order in which they were made.
select
    c.*,
    c.points_after - c.returned_after - c.points_before + c.returned_before
    - coalesce((
        select sum(p.points) from late_parts p where p.program_no = c.program_no and p.change_id = c.change_id
    ), 0)::bigint as unspent
from late_changes c
where c.program_no = :program_no and c.purchase_id = any(:purchase_ids::text[])
order by c.purchase_id, c.change_no;

-- name: insert_late_changes!
insert into late_changes (
    program_no, change_id, purchase_id, change_no, member_no, late_purchase_id, late_return_id, record_time, points_before,
    points_after, returned_before, returned_after, expire_time, state
)
select :program_no, row.change_id, row.purchase_id, row.change_no, row.member_no, row.late_purchase_id, row.late_return_id,
    :record_time, row.points_before, row.points_after, row.returned_before, row.returned_after, row.expire_time, row.state
from unnest(
    :change_ids::text[], :purchase_ids::text[], :change_nos::integer[], :member_nos::bigint[], :late_purchase_ids::text[],
    :late_return_ids::text[], :points_before::bigint[], :points_after::bigint[], :returned_before::bigint[],
    :returned_after::bigint[], :expire_times::timestamptz[], :states::smallint[]
) as row (
    change_id, purchase_id, change_no, member_no, late_purchase_id, late_return_id, points_before, points_after,
    returned_before, returned_after, expire_time, state
);

-- name: insert_late_parts!
insert into late_parts (program_no, taker, change_id, points)
select :program_no, row.*
from unnest(:takers::text[], :change_ids::text[], :points::bigint[]) as row (taker, change_id, points);

-- name: late_parts
select p.taker, p.change_id, p.points, coalesce(c.transaction_id, '') as transaction_id
from late_parts p
join late_changes c on c.program_no = p.program_no and c.change_id = p.change_id
where p.program_no = :program_no and p.taker = any(:takers::text[])
order by p.taker, c.change_no;

-- name: changes_to_deliver
-- Those that still have to reach the ledger, in the order in which they were asked for.
select
    c.change_id, m.member_id, c.purchase_id, p.event_time, c.record_time, c.expire_time,
    c.points_after - c.returned_after - c.points_before + c.returned_before as points,
    coalesce(s.transaction_ids[p.place], '') as award
from unnest(:change_ids::text[]) with ordinality as wanted (change_id, place)
join late_changes c on c.program_no = :program_no and c.change_id = wanted.change_id
join purchases p on p.program_no = c.program_no and p.purchase_id = c.purchase_id
join members m on m.member_no = c.member_no
left join settlements s on s.delivery_no = p.delivery_no
where c.state = :pending
order by wanted.place;

-- name: settle_late_changes!
-- A change is settled once: whoever asks the ledger again gets the same answer and changes nothing.
update late_changes c
set state = row.state, transaction_id = row.transaction_id, reversed_points = row.reversed_points
from unnest(:change_ids::text[], :states::smallint[], :transaction_ids::text[], :reversed_points::bigint[])
    as row (change_id, state, transaction_id, reversed_points)
where c.program_no = :program_no and c.change_id = row.change_id and c.state = :pending;
