-- name: insert_plan!
-- Nothing where the id is taken.
insert into plans (program_no, plan_id, display_name, months, price, create_time, update_time, actor)
values (:program_no, :plan_id, :display_name, :months, :price, :now, :now, :actor)
on conflict do nothing;

-- name: update_plan!
update plans set display_name = :display_name, months = :months, price = :price, update_time = :now, actor = :actor
where program_no = :program_no and plan_id = :plan_id and not archived;

-- name: archive_plan!
update plans set archived = true, update_time = :now, actor = :actor
where program_no = :program_no and plan_id = :plan_id and not archived;

-- name: find_plan^
select * from plans where program_no = :program_no and plan_id = :plan_id;

-- name: list_plans
select * from plans where program_no = :program_no and plan_id > :after order by plan_id limit :most;

-- name: insert_plan_period$
insert into plan_periods (
    program_no, member_no, plan_id, start_time, end_time, run_start_time, run_months, price, buy_time, actor, due_time
)
values (
    :program_no, :member_no, :plan_id, :start_time, :end_time, :run_start_time, :run_months, :price, :buy_time, :actor,
    :end_time
)
returning period_no;

-- name: standing_plan_periods
-- Those of members that end after a time and are not cancelled, in the order in which they were bought.
select * from plan_periods
where member_no = any(:member_nos::bigint[]) and end_time > :after and cancel_time is null
order by period_no;

-- name: plan_periods
select * from plan_periods where period_no = any(:period_nos::bigint[]) order by start_time, end_time, period_no;

-- name: list_plan_periods
select * from plan_periods where member_no = :member_no and period_no < :before order by period_no desc limit :most;

-- name: use_plan_periods!
-- Of members, at the moments beside their numbers: of several periods at once the one that is held, which ends last.
update plan_periods p set used = true
from (
    select distinct on (use.member_no, use.moment) held.period_no, held.used
    from unnest(:member_nos::bigint[], :moments::timestamptz[]) as use (member_no, moment)
    join plan_periods held on held.member_no = use.member_no and held.start_time <= use.moment
        and held.end_time > use.moment and held.cancel_time is null
    order by use.member_no, use.moment, held.end_time desc, held.period_no desc
) as held
where p.period_no = held.period_no and not held.used;

-- name: cancel_plan_periods!
update plan_periods set cancel_time = :now, due_time = null where period_no = any(:period_nos::bigint[]);

-- name: move_plan_periods!
update plan_periods set member_no = :into where member_no = :member_no;

-- name: plan_period_owner^
select program_no, member_no from plan_periods where period_no = :period_no and due_time is not null;

-- name: end_plan_period!
-- That it is over is told.
update plan_periods set due_time = null, attempts = 0 where period_no = :period_no;

-- name: claim_plan_periods
update plan_periods set due_time = :lease_end, attempts = attempts + 1
where period_no in (
    select period_no from plan_periods where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning period_no, attempts;

-- name: put_off_plan_period!
update plan_periods set due_time = :due_time where period_no = :period_no and due_time is not null;
