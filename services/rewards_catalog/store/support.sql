-- name: insert_case!
insert into cases (program, id, member, subject, opener, create_time)
values (:program, :id, :member, :subject, :opener, :create_time);

-- name: find_case^
select program, id, member, subject, opener, create_time, closer, close_time
from cases
where program = :program and id = :id;

-- name: lock_case$
-- Whoever gives goodwill in it, or closes it, waits here.
select id from cases where program = :program and id = :id for no key update;

-- name: close_case!
update cases set closer = :closer, close_time = :close_time
where program = :program and id = :id and close_time is null;

-- name: list_cases
select program, id, member, subject, opener, create_time, closer, close_time
from cases
where program = :program and (create_time, id) < (:before_time::timestamptz, :before_id::text)
order by create_time desc, id desc
limit :most;

-- name: list_cases_of_member
select program, id, member, subject, opener, create_time, closer, close_time
from cases
where
    program = :program and member = :member and (create_time, id) < (:before_time::timestamptz, :before_id::text)
order by create_time desc, id desc
limit :most;

-- name: set_goodwill_limit!
insert into goodwill_limits (program, unit, daily_points) values (:program, :unit, :daily_points)
on conflict (program, unit) do update set daily_points = excluded.daily_points;

-- name: find_goodwill_limit$
select daily_points from goodwill_limits where program = :program and unit = :unit;

-- name: lock_goodwill_agent!
-- Until this transaction ends, what the same agent gives of the unit waits here.
insert into goodwill_agents (program, unit, agent) values (:program, :unit, :agent)
on conflict (program, unit, agent) do update set agent = excluded.agent;

-- name: sum_goodwill_alone$
-- Run while this transaction holds the agent's row.
select coalesce(sum(points), 0)::bigint from goodwill
where
    program = :program and unit = :unit and agent = :agent and create_time >= :start_time and create_time < :end_time
    and alone and state <> 'REFUSED';

-- name: insert_goodwill!
insert into goodwill (
    program, "case", id, account, unit, points, expire_time, alone, state, agent, create_time, due_time
)
values (
    :program, :case, :id, :account, :unit, :points, :expire_time, :alone, 'PENDING', :agent, :create_time, :due_time
);

-- name: find_goodwill^
select
    program, "case", id, account, unit, points, expire_time, alone, state, transaction, adjustment, refusal, agent,
    create_time
from goodwill
where program = :program and "case" = :case and id = :id;

-- name: list_goodwill
select
    program, "case", id, account, unit, points, expire_time, alone, state, transaction, adjustment, refusal, agent,
    create_time
from goodwill
where program = :program and "case" = :case
order by create_time, id;

-- name: count_goodwill$
select count(*) from goodwill where program = :program and "case" = :case;

-- name: move_goodwill!
-- From one state to the next, unless somebody else has moved it.
update goodwill
set
    alone = :alone, state = :state, transaction = :transaction, adjustment = :adjustment, refusal = :refusal,
    due_time = :due_time, attempts = 0
where program = :program and "case" = :case and id = :id and state = :from_state and alone = :from_alone;

-- name: claim_goodwill
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select program, "case", id from goodwill
    where due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update goodwill
set due_time = :lease_end, attempts = attempts + 1
from due
where goodwill.program = due.program and goodwill."case" = due."case" and goodwill.id = due.id
returning goodwill.program, goodwill."case", goodwill.id, goodwill.attempts;

-- name: put_off_goodwill!
update goodwill set due_time = :due_time
where program = :program and "case" = :case and id = :id and due_time is not null;
