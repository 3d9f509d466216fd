-- name: velocity_policy^
-- The latest.
select revision, hold_flagged, limits, create_time from velocity_policies
where program_no = :program_no
order by revision desc limit 1;

-- name: insert_velocity_policy!
insert into velocity_policies (program_no, revision, hold_flagged, limits, create_time, actor)
values (:program_no, :revision, :hold_flagged, :limits, :create_time, :actor);

-- name: count_velocity
-- Who counts at the turn of a period, by a clock that is behind, counts for the period that has begun.
insert into velocity_counts as v (program_no, subject, value, period, start, purchases, points)
select :program_no, row.*
from unnest(
    :subjects::smallint[], :values::text[], :periods::smallint[], :starts::integer[], :purchases::bigint[],
    :points::bigint[]
) as row (subject, value, period, start, purchases, points)
on conflict (program_no, subject, value, period) do update
set start = greatest(v.start, excluded.start),
    purchases = excluded.purchases + case when v.start >= excluded.start then v.purchases else 0 end,
    points = excluded.points + case when v.start >= excluded.start then v.points else 0 end
returning v.subject, v.value, v.period, v.purchases, v.points;

-- name: insert_award_flags!
insert into award_flags (program_no, record_time, purchase_id, member_no, passed, state)
select :program_no, :record_time, row.*
from unnest(:purchase_ids::text[], :member_nos::bigint[], :passed::jsonb[], :states::smallint[])
    as row (purchase_id, member_no, passed, state);

-- name: award_flags
select purchase_id, passed, state, decide_time, coalesce(actor, '') as actor, coalesce(reason, '') as reason
from award_flags
where program_no = :program_no and purchase_id = any(:purchase_ids::text[]);

-- name: held_awards
select purchase_id from award_flags
where program_no = :program_no and state = 2 and purchase_id > :after
order by purchase_id limit :most;

-- name: count_held_of$
-- Those that are decided of, but not in the ledger yet, among them, and those that wait for an event.
select (select count(*) from award_flags where member_no = :member_no and state = 2) + (
    select count(distinct purchase_id) from awaited_credits where member_no = :member_no and state = 1
) + (
    select count(*) from deliveries d
    join purchases p on p.program_no = d.program_no and p.purchase_id = d.decided
    where p.member_no = :member_no
);

-- name: decide_award!
update award_flags set state = :state, decide_time = :decide_time, actor = :actor, reason = :reason
where program_no = :program_no and purchase_id = :purchase_id;

-- name: erase_reasons!
update award_flags set reason = '' where member_no = :member_no and reason <> '';
