-- name: insert_activity_type!
-- Nothing where the id, or the occasion, is taken.
insert into activity_types (program_no, type_id, version, occasion, create_time, given_through, due_time)
values (:program_no, :type_id, 1, :occasion, :create_time, :given_through, :due_time)
on conflict do nothing;

-- name: insert_activity_type_version!
insert into activity_type_versions (
    program_no, type_id, version, display_name, points, day_cap, week_cap, month_cap, total_cap, cooldown,
    expiry, create_time, actor
)
values (
    :program_no, :type_id, :version, :display_name, :points, :day_cap, :week_cap, :month_cap, :total_cap, :cooldown,
    :expiry::smallint[], :create_time, :actor
);

-- name: hold_activity_type^
select type_id from activity_types where program_no = :program_no and type_id = :type_id for no key update;

-- name: find_activity_type^
select t.occasion, t.archived, t.create_time as type_create_time, v.*
from activity_types t
join activity_type_versions v on v.program_no = t.program_no and v.type_id = t.type_id and v.version = t.version
where t.program_no = :program_no and t.type_id = :type_id;

-- name: find_activity_type_at^
-- By the version that was in force at a moment, or the first.
select t.occasion, t.archived, t.create_time as type_create_time, v.*
from activity_types t
join activity_type_versions v on v.program_no = t.program_no and v.type_id = t.type_id
where t.program_no = :program_no and t.type_id = :type_id and (v.create_time <= :moment or v.version = 1)
order by v.version desc
limit 1;

-- name: find_occasion^
select type_id from activity_types where program_no = :program_no and occasion = :occasion and not archived;

-- name: list_activity_types
select t.occasion, t.archived, t.create_time as type_create_time, v.*
from activity_types t
join activity_type_versions v on v.program_no = t.program_no and v.type_id = t.type_id and v.version = t.version
where t.program_no = :program_no and t.type_id > :after
order by t.type_id
limit :most;

-- name: advance_activity_type!
update activity_types set version = :version where program_no = :program_no and type_id = :type_id;

-- name: archive_activity_type!
update activity_types set archived = true, due_time = null where program_no = :program_no and type_id = :type_id;

-- name: due_occasion^
-- A type given for an occasion that is not archived, and the last day whose bonuses are given.
select program_no, given_through from activity_types
where program_no = :program_no and type_id = :type_id and occasion is not null and not archived;

-- name: birthdays
-- The members who have one of these birthdays (100 times the month, and the day), in the order of their numbers.
select m.member_no, m.member_id, m.state, m.enroll_time, m.welcome_points, m.welcome_expire_time, m.ended, m.referred, m.offers_until
from profiles p
join members m on m.member_no = p.member_no
where
    extract(month from p.birth_date) * 100 + extract(day from p.birth_date) = any(:days::numeric[])
    and p.birth_date < :day and m.program_no = :program_no and m.ended is null and m.enroll_time < :day_end
    and m.member_no > :after
order by m.member_no
limit :most
for no key update of m;

-- name: anniversaries
-- The members who enrolled on one of these days of an earlier year.
select m.member_no, m.member_id, m.state, m.enroll_time, m.welcome_points, m.welcome_expire_time, m.ended, m.referred, m.offers_until
from members m
cross join lateral (select (m.enroll_time at time zone :time_zone)::date as enroll_date) as local
where
    extract(month from local.enroll_date) * 100 + extract(day from local.enroll_date) = any(:days::numeric[])
    and extract(year from local.enroll_date) < extract(year from :day::date)
    and m.program_no = :program_no and m.ended is null and m.member_no > :after
order by m.member_no
limit :most
for no key update of m;

-- name: finish_day!
update activity_types set given_through = :day, attempts = 0
where program_no = :program_no and type_id = :type_id and given_through < :day;

-- name: claim_occasions
update activity_types set due_time = :lease_end, attempts = attempts + 1
where (program_no, type_id) in (
    select program_no, type_id from activity_types where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning program_no, type_id, attempts;

-- name: put_off_occasion!
update activity_types set due_time = :due_time
where program_no = :program_no and type_id = :type_id and due_time is not null;

-- name: past_activities^
-- What of a member's activities of a type was awarded, around a moment.
select
    count(*) filter (where event_time >= :day_start and event_time < :day_end) as day,
    count(*) filter (where event_time >= :week_start and event_time < :week_end) as week,
    count(*) filter (where event_time >= :month_start and event_time < :month_end) as month,
    count(*) as total,
    max(event_time) filter (where event_time <= :event_time) as before,
    min(event_time) filter (where event_time > :event_time) as after
from activities
where member_no = :member_no and type_id = :type_id and withheld is null;

-- name: later_activities
-- A member's of a type, from behind one on, in their order.
select
    a.*, m.member_id, b.state, b.expire_time, v.display_name, v.points as type_points, v.day_cap, v.week_cap,
    v.month_cap, v.total_cap, v.cooldown, v.expiry
from activities a
join members m on m.member_no = a.member_no
join activity_type_versions v on v.program_no = a.program_no and v.type_id = a.type_id and v.version = a.version
left join bonuses b on b.program_no = a.program_no and b.bonus_id = coalesce(a.bonus_id, 'a-' || a.activity_id)
where a.member_no = :member_no and a.type_id = :type_id and (a.event_time, a.activity_id) > (:event_time, :activity_id)
order by a.event_time, a.activity_id;

-- name: activities_before^
-- What of a member's activities of a type was awarded before one: how many, when the last, and when those from a moment on.
select
    count(*) as total, max(event_time) as last,
    coalesce(array_agg(event_time order by event_time) filter (where event_time >= :since), '{}') as times
from activities
where member_no = :member_no and type_id = :type_id and withheld is null
    and (event_time, activity_id) < (:event_time, :activity_id);

-- name: rejudge_activities!
update activities a set points = row.points, withheld = row.withheld, again_time = row.again_time, bonus_id = row.bonus_id
from unnest(
    :activity_ids::text[], :points::bigint[], :withheld::smallint[], :again_times::timestamptz[], :bonus_ids::text[]
) as row (activity_id, points, withheld, again_time, bonus_id)
where a.program_no = :program_no and a.activity_id = row.activity_id;

-- name: insert_activities
-- Those that were not recorded yet.
insert into activities (
    program_no, activity_id, member_no, type_id, version, event_time, record_time, attributes, points, withheld,
    again_time, actor
)
select
    :program_no, row.activity_id, row.member_no, :type_id, :version, :event_time, :record_time, :attributes, :points,
    :withheld, :again_time, :actor
from unnest(:activity_ids::text[], :member_nos::bigint[]) as row (activity_id, member_no)
on conflict do nothing
returning activity_id;

-- name: find_activity^
select
    a.*, m.member_id, b.state, b.expire_time, v.display_name, v.points as type_points, v.day_cap, v.week_cap,
    v.month_cap, v.total_cap, v.cooldown, v.expiry
from activities a
join members m on m.member_no = a.member_no
join activity_type_versions v on v.program_no = a.program_no and v.type_id = a.type_id and v.version = a.version
left join bonuses b on b.program_no = a.program_no and b.bonus_id = coalesce(a.bonus_id, 'a-' || a.activity_id)
where a.program_no = :program_no and a.activity_id = :activity_id;

-- name: list_activities
-- A member's, from the latest to the first.
select
    a.*, m.member_id, b.state, b.expire_time, v.display_name, v.points as type_points, v.day_cap, v.week_cap,
    v.month_cap, v.total_cap, v.cooldown, v.expiry
from activities a
join members m on m.member_no = a.member_no
join activity_type_versions v on v.program_no = a.program_no and v.type_id = a.type_id and v.version = a.version
left join bonuses b on b.program_no = a.program_no and b.bonus_id = coalesce(a.bonus_id, 'a-' || a.activity_id)
where a.member_no = :member_no and (a.event_time, a.activity_id) < (:before_time, :before_id)
order by a.event_time desc, a.activity_id desc
limit :most;

-- name: erase_activities!
update activities set attributes = '{}' where member_no = :member_no and attributes <> '{}';
