-- name: insert_guest_purchase!
insert into guest_purchases (program_no, purchase_id, event_time, record_time, amount, basket, actor)
values (:program_no, :purchase_id, :event_time, :record_time, :amount, :basket, :actor)
on conflict do nothing;

-- name: find_guest_purchase^
select * from guest_purchases where program_no = :program_no and purchase_id = :purchase_id;

-- name: hold_guest_purchase^
select * from guest_purchases where program_no = :program_no and purchase_id = :purchase_id for update;

-- name: count_wrong_claim!
update guest_purchases set wrong_claims = wrong_claims + 1
where program_no = :program_no and purchase_id = :purchase_id;

-- name: delete_guest_purchase!
delete from guest_purchases where program_no = :program_no and purchase_id = :purchase_id;
