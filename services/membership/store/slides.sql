-- name: slides_of_members
select member_no, since, until from slides where member_no = any(:member_nos::bigint[]);

-- name: write_slides!
-- Each time that the ledger is to be asked is a round of its own.
insert into slides as s (member_no, program_no, since, until, record_time, due_time)
select row.member_no, :program_no, row.since, row.until, :record_time, row.due_time
from unnest(
    :member_nos::bigint[], :sinces::timestamptz[], :untils::timestamptz[], :due_times::timestamptz[]
) as row (member_no, since, until, due_time)
on conflict (member_no) do update
set
    since = excluded.since, until = excluded.until, record_time = excluded.record_time, attempts = 0,
    round = s.round + case when excluded.due_time is null then 0 else 1 end,
    due_time = coalesce(excluded.due_time, s.due_time);

-- name: wake_slide!
update slides set due_time = :due_time, round = round + 1, attempts = 0 where member_no = :member_no;

-- name: overtake_slides!
-- Of members whose points have come to the ledger after it was told of activity that keeps them.
update slides s set due_time = :due_time, round = s.round + 1, attempts = 0
from unnest(:member_ids::text[], :record_times::timestamptz[], :expire_times::timestamptz[])
    as came (member_id, record_time, expire_time)
join members m on m.program_no = :program_no and m.member_id = came.member_id
where s.member_no = m.member_no and s.record_time >= came.record_time
    and came.expire_time < s.until and s.until > :due_time;

-- name: due_slide^
select program_no, since, until, round from slides where member_no = :member_no and due_time is not null;

-- name: end_slide!
-- Unless another round was begun since.
update slides set due_time = null, attempts = 0 where member_no = :member_no and round = :round;

-- name: claim_slides
update slides set due_time = :lease_end, attempts = attempts + 1
where member_no in (
    select member_no from slides where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning member_no, attempts;

-- name: put_off_slide!
update slides set due_time = :due_time where member_no = :member_no and due_time is not null;
