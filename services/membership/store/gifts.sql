-- name: insert_gifts!
insert into gifts (program_no, actor, due_time, purchase_id, rule_id, reward)
select :program_no, :actor, :due_time, row.*
from unnest(:purchase_ids::text[], :rule_ids::text[], :rewards::text[]) as row (purchase_id, rule_id, reward);

-- name: gifts_of_purchases
select g.program_no, g.purchase_id, g.rule_id, m.member_id, g.reward, g.state, g.redemption, g.reason, g.actor, f.state as flag
from gifts g
join purchases p on p.program_no = g.program_no and p.purchase_id = g.purchase_id
join members m on m.member_no = p.member_no
left join award_flags f on p.flag is not null and f.program_no = p.program_no and f.purchase_id = p.purchase_id
where g.program_no = :program_no and g.purchase_id = any(:purchase_ids::text[])
order by g.purchase_id, g.rule_id;

-- name: move_gift!
-- Unless somebody else has moved it.
update gifts set state = :state, redemption = :redemption, reason = :reason, due_time = null
where program_no = :program_no and purchase_id = :purchase_id and rule_id = :rule_id and state = :from_state;

-- name: take_gifts_back!
update gifts set state = 4, due_time = :now
where program_no = :program_no and purchase_id = :purchase_id and rule_id = any(:rule_ids::text[]) and state in (1, 2);

-- name: claim_gifts
update gifts set due_time = :lease_end, attempts = attempts + 1
where (program_no, purchase_id, rule_id) in (
    select program_no, purchase_id, rule_id from gifts where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning program_no, purchase_id, rule_id, attempts;

-- name: put_off_gift!
update gifts set due_time = :due_time
where program_no = :program_no and purchase_id = :purchase_id and rule_id = :rule_id and due_time > '-infinity';

-- name: wake_gifts!
-- Whoever has looked at them before does not put them off any more.
update gifts set due_time = '-infinity'
where program_no = :program_no and purchase_id = :purchase_id and due_time is not null;
