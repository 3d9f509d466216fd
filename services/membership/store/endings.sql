-- name: insert_ending$
insert into endings (program_no, member_no, errand, actor, due_time)
values (:program_no, :member_no, :errand, :actor, :due_time)
returning ending_no;

-- name: find_ending^
select e.*, m.member_id, m.state, m.enroll_time, m.welcome_points, m.welcome_expire_time, m.ended, m.referred, m.offers_until
from endings e
join members m on m.member_no = e.member_no
where e.ending_no = :ending_no;

-- name: delete_ending!
delete from endings where ending_no = :ending_no;

-- name: refuse_ending!
update endings set left_over = :left_over::bigint[], left_unit_id = :left_unit_id, due_time = null
where ending_no = :ending_no and left_over is null;

-- name: claim_endings
update endings set due_time = :lease_end, attempts = attempts + 1
where ending_no in (
    select ending_no from endings where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning ending_no, attempts;

-- name: put_off_ending!
update endings set due_time = :due_time where ending_no = :ending_no and due_time is not null;
