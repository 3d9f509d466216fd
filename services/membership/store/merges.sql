-- name: insert_merge!
insert into merges (member_no, program_no, actor, due_time) values (:member_no, :program_no, :actor, :due_time);

-- name: welcomed
-- Of the people given by their members' numbers, those whose welcome bonus stays, and the ids under which they have it.
select coalesce(m.merged_into, m.member_no) as person_no, m.member_no
from members m
left join merges g on g.member_no = m.member_no
where (m.member_no = any(:member_nos::bigint[]) or m.merged_into = any(:member_nos::bigint[]))
    and m.welcome_points > 0 and not coalesce(g.reverses_welcome or g.welcome_reversed, false);

-- name: begin_merge_welcome!
update merges set reverses_welcome = true, done = false, due_time = least(due_time, :due_time), attempts = 0
where member_no = :member_no;

-- name: find_merge^
select * from merges where member_no = :member_no;

-- name: begin_merge_step!
-- Whoever comes second finds the step begun, and asks for the same.
update merges set step = :step, part = :part, points = :points, unit_id = :unit_id, done = false
where member_no = :member_no and step = :step - 1 and part is null;

-- name: end_merge_step!
update merges set part = null, points = null where member_no = :member_no and step = :step;

-- name: end_merge_welcome!
update merges set reverses_welcome = false, welcome_reversed = true where member_no = :member_no;

-- name: rest_merge!
-- Unless another step was begun, or something is on its way to the account, since it was looked at.
update merges set done = true, due_time = :due_time, attempts = 0
where member_no = :member_no and step = :step and part is null and not reverses_welcome;

-- name: wake_merge!
-- Who looked at the account before this finds another step there, and looks again.
update merges set done = false, due_time = least(due_time, :due_time), attempts = 0,
    step = step + case when part is null then 1 else 0 end
where member_no = :member_no;

-- name: claim_merges
update merges set due_time = :lease_end, attempts = attempts + 1
where member_no in (
    select member_no from merges where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning member_no, attempts;

-- name: put_off_merge!
update merges set due_time = :due_time where member_no = :member_no and not done;

-- name: coming_to_member$
-- Whether something is still on its way to the member's account: a delivery stays until all of it has arrived.
select exists (
    select from deliveries d
    where d.program_no = :program_no and (
        exists (
            select from members m
            where m.member_no = :member_no and m.member_no = any(d.member_nos) and m.state = :pending
        )
        or exists (
            select from unnest(d.purchase_ids) as due (purchase_id)
            join purchases p on p.program_no = d.program_no and p.purchase_id = due.purchase_id
            left join settlements s on s.delivery_no = p.delivery_no
            where p.member_no = :member_no and p.state = :pending and s.transaction_ids[p.place] is null
        )
        or exists (
            select from returns r
            join purchases p on p.program_no = r.program_no and p.purchase_id = r.purchase_id
            where r.program_no = d.program_no and r.return_id = d.return_id and p.member_no = :member_no
                and r.state = :pending
        )
        or exists (
            select from unnest(d.bonus_ids) as due (bonus_id)
            join bonuses b on b.program_no = d.program_no and b.bonus_id = due.bonus_id
            where b.member_no = :member_no
                and (b.state = :pending or (b.state = :posted and b.revoked and b.reversed_points is null))
        )
        or exists (
            select from unnest(d.change_ids) as due (change_id)
            join late_changes c on c.program_no = d.program_no and c.change_id = due.change_id
            where c.member_no = :member_no
        )
    )
);

-- name: changing_members$
-- Whether one of the members is being closed, or has another's points still on their way.
select exists (select from endings where member_no = any(:member_nos::bigint[]) and due_time is not null)
    or exists (
        select from merges g join members m on m.member_no = g.member_no
        where m.merged_into = any(:member_nos::bigint[]) and not g.done
    );

-- name: moving_into$
-- Whether points of one who was merged into the member are still on their way.
select exists (
    select from merges g join members m on m.member_no = g.member_no where m.merged_into = :member_no and not g.done
);

-- name: merge_member!
-- Who was merged into the member before is merged into the survivor too: one step leads to who stands for somebody.
update members set ended = 3, merged_into = :into where member_no = :member_no or merged_into = :member_no;

-- name: survivors
select m.member_no as merged_no, s.member_no, s.member_id, s.state, s.enroll_time, s.welcome_points,
    s.welcome_expire_time, s.ended, s.referred, s.offers_until
from members m
join members s on s.member_no = m.merged_into
where m.member_no = any(:member_nos::bigint[]);

-- name: merged_into
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members where merged_into = :member_no
order by member_no;

-- name: same_people
-- Those of the purchases that are recorded for a member who stands for the one given, or for whom that one stands.
select said.purchase_id
from unnest(:purchase_ids::text[], :member_ids::text[]) as said (purchase_id, member_id)
join purchases p on p.program_no = :program_no and p.purchase_id = said.purchase_id
join members recorded on recorded.member_no = p.member_no
join members m on m.program_no = :program_no and m.member_id = said.member_id
where coalesce(recorded.merged_into, recorded.member_no) = coalesce(m.merged_into, m.member_no);

-- name: move_years!
insert into member_years as y (member_no, year, points)
select :into, year, points from member_years where member_no = :member_no
on conflict (member_no, year) do update set points = y.points + excluded.points;

-- name: empty_years!
update member_years set points = 0 where member_no = :member_no;

-- name: move_days!
insert into member_days as d (member_no, day, amount)
select :into, day, amount from member_days where member_no = :member_no
on conflict (member_no, day) do update set amount = d.amount + excluded.amount;

-- name: empty_days!
update member_days set amount = 0 where member_no = :member_no;

-- name: move_activities!
update activities set member_no = :into where member_no = :member_no;

-- name: move_personal_offers!
update personal_offers set member_no = :into where member_no = :member_no;

-- name: move_offers_until!
update members m set offers_until = greatest(m.offers_until, merged.offers_until)
from members merged
where m.member_no = :into and merged.member_no = :member_no and merged.offers_until is not null;

-- name: move_profile_requests!
with moved as (delete from profile_requests where member_no = :member_no returning key)
insert into profile_requests (member_no, key) select :into, key from moved on conflict do nothing;

-- name: move_rule_uses!
-- What rules have given in a period is counted together; of the times of the latest award (period 0) the later one stays.
insert into rule_uses as u (member_no, rule_no, period, start, used)
select :into, rule_no, period, start, used from rule_uses where member_no = :member_no
on conflict (member_no, rule_no, period, start) do update
set used = case when u.period = 0 then greatest(u.used, excluded.used) else u.used + excluded.used end;

-- name: move_rule_counts!
-- What rules that count have counted is counted together: awards that it comes to then are given with the next purchase.
insert into rule_counts as c (member_no, rule_no, counted, given, owed)
select :into, rule_no, counted, given, owed from rule_counts where member_no = :member_no
on conflict (member_no, rule_no) do update
set counted = c.counted + excluded.counted, given = c.given + excluded.given, owed = c.owed || excluded.owed;

-- name: empty_rule_counts!
update rule_counts set counted = 0, given = 0, owed = '[]' where member_no = :member_no;

-- name: move_count_awards!
update count_awards set member_no = :into where member_no = :member_no;

-- name: welcome_transaction$
select welcome_transaction from members where member_no = :member_no;
