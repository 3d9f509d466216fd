-- name: pass_reminders!
-- Has no reminder told of a day that was over when points came. All else that was due by then is told, unless a look is
-- late, under way or has failed.
update expiry_watches w set seen_day = greatest(w.seen_day, row.over_day)
from unnest(:member_nos::bigint[], :over_days::date[]) as row (member_no, over_day)
where w.member_no = row.member_no and w.due_time > :now and w.attempts = 0;

-- name: watch_expiries!
-- Whoever looks meanwhile finds another round, and looks again.
insert into expiry_watches as w (member_no, program_no, seen_day, due_time)
select row.member_no, :program_no, :today, row.due_time
from unnest(:member_nos::bigint[], :due_times::timestamptz[]) as row (member_no, due_time)
on conflict (member_no) do update
set
    seen_day = case when w.due_time is null then excluded.seen_day else w.seen_day end,
    due_time = least(w.due_time, excluded.due_time), round = w.round + 1;

-- name: merge_expiry_watch!
insert into expiry_watches as w (member_no, program_no, seen_day, due_time)
select :into, program_no, seen_day, due_time from expiry_watches where member_no = :member_no
on conflict (member_no) do update
set
    seen_day = greatest(w.seen_day, excluded.seen_day), due_time = least(w.due_time, excluded.due_time),
    round = w.round + 1;

-- name: due_expiry_watch^
select program_no, seen_day, round from expiry_watches where member_no = :member_no and due_time is not null;

-- name: move_expiry_watch!
-- Nothing where somebody else has told meanwhile, or points have come.
update expiry_watches set seen_day = :seen_day, due_time = :due_time, round = round + 1, attempts = 0
where member_no = :member_no and round = :round;

-- name: claim_expiry_watches
update expiry_watches set due_time = :lease_end, attempts = attempts + 1
where member_no in (
    select member_no from expiry_watches where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning member_no, attempts;

-- name: put_off_expiry_watch!
update expiry_watches set due_time = :due_time where member_no = :member_no and due_time is not null;
