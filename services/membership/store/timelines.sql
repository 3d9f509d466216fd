-- name: insert_timeline!
insert into timelines (member_no, event_time, return_id, purchase_id, points, counts, rule_nos, steps)
select row.member_no, row.event_time, row.return_id, row.purchase_id, row.points, row.counts,
    array(select jsonb_array_elements_text(row.rule_nos)::integer), row.steps
from unnest(
    :member_nos::bigint[], :event_times::timestamptz[], :return_ids::text[], :purchase_ids::text[], :points::bigint[],
    :counts::bigint[], :rule_nos::jsonb[], :steps::jsonb[]
) as row (member_no, event_time, return_id, purchase_id, points, counts, rule_nos, steps)
on conflict (member_no, event_time, return_id, purchase_id) do update
set points = excluded.points, counts = excluded.counts, rule_nos = excluded.rule_nos, steps = excluded.steps;

-- name: timeline_ends
-- The latest that happened to each of the members.
select latest.*
from unnest(:member_nos::bigint[]) as wanted (member_no)
cross join lateral (
    select t.member_no, t.event_time, t.return_id, t.purchase_id
    from timelines t
    where t.member_no = wanted.member_no
    order by t.event_time desc, t.return_id desc, t.purchase_id desc
    limit 1
) as latest;

-- name: timelines_from
-- What happened to members from a moment on, each its own.
select t.*
from unnest(:member_nos::bigint[], :event_times::timestamptz[], :return_ids::text[], :purchase_ids::text[])
    as start (member_no, event_time, return_id, purchase_id)
join timelines t
    on t.member_no = start.member_no
    and (t.event_time, t.return_id, t.purchase_id) >= (start.event_time, start.return_id, start.purchase_id);

-- name: last_awards
-- When rules last gave members something before a moment, each its own.
select start.member_no, rule_no, max(t.event_time) as event_time
from unnest(:member_nos::bigint[], :event_times::timestamptz[], :return_ids::text[], :purchase_ids::text[])
    as start (member_no, event_time, return_id, purchase_id)
join timelines t
    on t.member_no = start.member_no
    and (t.event_time, t.return_id, t.purchase_id) < (start.event_time, start.return_id, start.purchase_id)
cross join unnest(t.rule_nos) as rule_no
where rule_no = any(:rule_nos::integer[])
group by start.member_no, rule_no;

-- name: last_bought
-- When members last bought something before a moment, each its own.
select start.member_no, before.event_time
from unnest(:member_nos::bigint[], :event_times::timestamptz[], :return_ids::text[], :purchase_ids::text[])
    as start (member_no, event_time, return_id, purchase_id)
cross join lateral (
    select t.event_time
    from timelines t
    where t.member_no = start.member_no and t.return_id = ''
        and (t.event_time, t.return_id, t.purchase_id) < (start.event_time, start.return_id, start.purchase_id)
    order by t.event_time desc, t.return_id desc, t.purchase_id desc
    limit 1
) as before;
