-- name: insert_gifts!
insert into gifts (program_no, actor, due_time, since, gift_id, member_no, reward, purchase_id, rule_id, award_no)
select :program_no, :actor, :now, :now, row.*
from unnest(
    :gift_ids::text[], :member_nos::bigint[], :rewards::text[], :purchase_ids::text[], :rule_ids::text[], :award_nos::bigint[]
) as row (gift_id, member_no, reward, purchase_id, rule_id, award_no);

-- name: gifts_of_purchases
-- An award for a count is not held with that of its purchase.
select
    g.program_no, g.gift_id, coalesce(s.member_id, m.member_id) as member_id, g.purchase_id, g.rule_id, g.award_no, g.reward,
    g.state, g.redemption, g.reason, g.actor, g.ask_time, g.since, g.overdue, g.ended_by,
    m.member_id as enrolled_as, f.state as flag
from gifts g
join members m on m.member_no = g.member_no
left join members s on s.member_no = m.merged_into
left join award_flags f on f.program_no = g.program_no and f.purchase_id = g.purchase_id and g.award_no is null
    and f.state in (2, 4)
where g.program_no = :program_no and g.purchase_id = any(:purchase_ids::text[])
order by g.purchase_id, g.rule_id, g.award_no;

-- name: find_gift^
select
    g.program_no, g.gift_id, coalesce(s.member_id, m.member_id) as member_id, g.purchase_id, g.rule_id, g.award_no, g.reward,
    g.state, g.redemption, g.reason, g.actor, g.ask_time, g.since, g.overdue, g.ended_by,
    m.member_id as enrolled_as, f.state as flag
from gifts g
join members m on m.member_no = g.member_no
left join members s on s.member_no = m.merged_into
left join award_flags f on f.program_no = g.program_no and f.purchase_id = g.purchase_id and g.award_no is null
    and f.state in (2, 4)
where g.program_no = :program_no and g.gift_id = :gift_id;

-- name: overdue_gifts
select
    g.program_no, g.gift_id, coalesce(s.member_id, m.member_id) as member_id, g.purchase_id, g.rule_id, g.award_no, g.reward,
    g.state, g.redemption, g.reason, g.actor, g.ask_time, g.since, g.overdue, g.ended_by,
    m.member_id as enrolled_as, f.state as flag
from gifts g
join members m on m.member_no = g.member_no
left join members s on s.member_no = m.merged_into
left join award_flags f on f.program_no = g.program_no and f.purchase_id = g.purchase_id and g.award_no is null
    and f.state in (2, 4)
where g.program_no = :program_no and g.overdue and g.gift_id > :after
order by g.gift_id
limit :most;

-- name: move_gift!
-- Unless somebody else has moved it.
update gifts
set state = :state, redemption = :redemption, reason = :reason, due_time = :due_time, since = :since, overdue = :overdue,
    ended_by = :ended_by
where program_no = :program_no and gift_id = :gift_id and state = :from_state and overdue = :was_overdue;

-- name: lock_gift^
-- Since when the catalog may have given it; nothing where somebody else has moved it.
select ask_time from gifts
where program_no = :program_no and gift_id = :gift_id and state = :state and not overdue
for update;

-- name: ask_gift!
update gifts set ask_time = :now where program_no = :program_no and gift_id = :gift_id;

-- name: lock_gifts!
-- Whoever is finding an earlier one that stands for one of them is waited for, and what it found is seen from then on.
select from gifts where program_no = :program_no and gift_id = any(:gift_ids::text[]) order by gift_id for update;

-- name: take_gifts_back!
-- An earlier one that stood for one of them stands for the next one instead.
with let_go as (
    update gifts set stands_for = null where program_no = :program_no and stands_for = any(:gift_ids::text[])
)
update gifts set state = 4, due_time = :now, since = :now, overdue = false
where program_no = :program_no and gift_id = any(:gift_ids::text[]) and state in (1, 2);

-- name: take_welcome_gifts_back!
-- Once for a person: all but the first of those that were used, are given, or are to be.
update gifts set state = 4, due_time = :now, since = :now, overdue = false
where state in (1, 2) and (program_no, gift_id) in (
    select g.program_no, g.gift_id
    from members m
    join gifts g on g.member_no = m.member_no and g.purchase_id is null and g.state in (1, 2, 6)
    where m.member_no = :member_no or m.merged_into = :member_no
    order by g.state desc, g.member_no
    offset 1
);

-- name: move_gifts_to!
update gifts g set purchase_id = row.purchase_id
from unnest(:gift_ids::text[], :purchase_ids::text[]) as row (gift_id, purchase_id)
where g.program_no = :program_no and g.gift_id = row.gift_id;

-- name: gifts_called_off
-- Of all who are one person by now, the oldest first.
with people as (
    select other.member_no
    from gifts g
    join members m on m.member_no = g.member_no
    join members other on other.member_no = coalesce(m.merged_into, m.member_no)
        or other.merged_into = coalesce(m.merged_into, m.member_no)
    where g.program_no = :program_no and g.gift_id = :gift_id
)
select e.gift_id, e.state
from gifts g
join gifts e on e.program_no = g.program_no and e.rule_id = g.rule_id and e.award_no < g.award_no
    and e.state in (4, 6) and e.stands_for is null
where g.program_no = :program_no and g.gift_id = :gift_id and e.member_no in (select member_no from people)
order by e.award_no
for update of e;

-- name: stand_for_gift!
update gifts set stands_for = :stands_for where program_no = :program_no and gift_id = :gift_id;

-- name: claim_gifts
update gifts set due_time = :lease_end, attempts = attempts + 1
where (program_no, gift_id) in (
    select program_no, gift_id from gifts where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning program_no, gift_id, attempts;

-- name: put_off_gift!
update gifts set due_time = :due_time
where program_no = :program_no and gift_id = :gift_id and due_time > '-infinity';

-- name: wake_gifts!
-- Whoever has looked at them before does not put them off any more.
update gifts set due_time = '-infinity', since = :now
where program_no = :program_no and purchase_id = :purchase_id and due_time is not null;
