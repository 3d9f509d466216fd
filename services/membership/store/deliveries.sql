-- name: insert_delivery$
insert into deliveries (program_no, member_nos, purchase_ids, return_id, bonus_ids, actor, due_time)
values (:program_no, :member_nos, :purchase_ids, :return_id, :bonus_ids::text[], :actor, :due_time)
returning delivery_no;

-- name: add_to_delivery!
update deliveries
set purchase_ids = purchase_ids || array(select unnest(:purchase_ids::text[]) except select unnest(purchase_ids)),
    change_ids = :change_ids::text[]
where delivery_no = :delivery_no;

-- name: decide_delivery!
update deliveries set decided = :purchase_id where delivery_no = :delivery_no;

-- name: find_delivery^
select * from deliveries where delivery_no = :delivery_no;

-- name: delete_delivery!
delete from deliveries where delivery_no = :delivery_no;

-- name: claim_deliveries
update deliveries set due_time = :lease_end, attempts = attempts + 1
where delivery_no in (
    select delivery_no from deliveries where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning delivery_no, attempts;

-- name: put_off_delivery!
update deliveries set due_time = :due_time where delivery_no = :delivery_no;
