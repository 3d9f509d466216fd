-- name: member_days
-- What counts for members, by day, with when they joined; a member of whom nothing counts has one row without a day.
select m.member_no, m.enroll_time, d.day, d.amount
from members m
left join member_days d on d.member_no = m.member_no
where m.member_no = any(:member_nos::bigint[]);

-- name: add_member_days!
insert into member_days as d (member_no, day, amount)
select * from unnest(:member_nos::bigint[], :days::date[], :amounts::bigint[])
on conflict (member_no, day) do update set amount = d.amount + excluded.amount;

-- name: write_member_days!
insert into member_days (member_no, day, amount)
select * from unnest(:member_nos::bigint[], :days::date[], :amounts::bigint[])
on conflict (member_no, day) do update set amount = excluded.amount;

-- name: lower_member_day!
-- A day on which nothing counted has no row, and a return that takes nothing touches none.
update member_days set amount = amount - :amount where member_no = :member_no and day = :day;

-- name: look_again!
-- Has the tiers of members looked at. Who is looked at for the first time holds what nobody loses.
insert into member_tiers as t (member_no, program_no, level, seen_day, due_time)
select member_no, :program_no, :level, :seen_day, :due_time from unnest(:member_nos::bigint[]) as member_no
order by member_no
on conflict (member_no) do update set due_time = least(t.due_time, excluded.due_time);

-- name: hold_told^
-- The member's row is held: whoever rates its purchases waits.
select m.program_no, m.member_id, m.ended, t.level, t.end_day, t.seen_day
from members m
join member_tiers t on t.member_no = m.member_no
where m.member_no = :member_no
for no key update of m;

-- name: write_told!
update member_tiers
set level = :level, end_day = :end_day, seen_day = :seen_day, due_time = :due_time, attempts = 0
where member_no = :member_no;

-- name: claim_member_tiers
update member_tiers set due_time = :lease_end, attempts = attempts + 1
where member_no in (
    select member_no from member_tiers where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning member_no, attempts;

-- name: put_off_member_tier!
update member_tiers set due_time = :due_time where member_no = :member_no and due_time is not null;

-- name: told_by_level
select level, count(*) as member_count
from member_tiers
where program_no = :program_no and level > 0
group by level;

-- name: insert_year_end!
insert into year_ends (program_no, year, due_time) values (:program_no, :year, :due_time);

-- name: hold_year_end^
select year, after_member_no from year_ends where program_no = :program_no for update;

-- name: tiers_at_year_end
-- Members who may hold a tier when a year ends, with what they earned in it and in the year before, their rows held.
select
    m.member_no, m.member_id, m.ended,
    coalesce((select y.points from member_years y where y.member_no = m.member_no and y.year = :year), 0) as this,
    coalesce((select y.points from member_years y where y.member_no = m.member_no and y.year = :year - 1), 0) as last
from members m
where m.program_no = :program_no and m.member_no > :after
    and exists (
        select from member_years y
        where y.member_no = m.member_no and y.year in (:year, :year - 1) and y.points >= :lowest
    )
order by m.member_no
limit :most
for no key update of m;

-- name: move_year_end!
update year_ends set year = :year, after_member_no = :after, due_time = :due_time, attempts = 0
where program_no = :program_no;

-- name: claim_year_ends
update year_ends set due_time = :lease_end, attempts = attempts + 1
where program_no in (
    select program_no from year_ends where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning program_no, attempts;

-- name: put_off_year_end!
update year_ends set due_time = :due_time where program_no = :program_no;
