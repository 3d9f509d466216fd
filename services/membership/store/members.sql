-- name: insert_members
-- The members that were not there yet; `member_ids` are sorted, so that two who enrol the same people wait in one order.
insert into members (program_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, actor)
select :program_no, id, :state, :enroll_time, :welcome_points, :welcome_expire_time, :actor
from unnest(:member_ids::text[]) as id
on conflict do nothing
returning member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until;

-- name: import_members
-- As `insert_members`, each with a time of its own.
insert into members (program_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, actor)
select :program_no, row.member_id, :state, row.enroll_time, :welcome_points, :welcome_expire_time, :actor
from unnest(:member_ids::text[], :enroll_times::timestamptz[]) as row (member_id, enroll_time)
on conflict do nothing
returning member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until;

-- name: lock_members
-- Whoever rates a member's purchases holds the member's row. Read what depends on it in a later statement.
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members
where program_no = :program_no and member_id = any(:member_ids::text[])
order by member_no
for no key update;

-- name: member_numbers
select member_id, member_no from members where program_no = :program_no and member_id = any(:member_ids::text[]);

-- name: find_member^
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members
where program_no = :program_no and member_id = :member_id;

-- name: member_by_no^
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members
where member_no = :member_no;

-- name: members_to_deliver
-- Those that are not settled: their accounts and welcome bonuses are still to be brought.
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members
where member_no = any(:member_nos::bigint[]) and state = :pending
order by member_no;

-- name: list_members
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members
where program_no = :program_no and member_id > :after and ended is distinct from 3
order by member_id
limit :most;

-- name: offer_until!
update members set offers_until = greatest(offers_until, :until) where member_no = any(:member_nos::bigint[]);

-- name: activate_members!
update members m set state = :state, welcome_transaction = n.welcome_transaction
from unnest(:member_nos::bigint[], :welcome_transactions::text[]) as n (member_no, welcome_transaction)
where m.member_no = n.member_no and m.state <> :state;

-- name: end_member!
-- What is erased stays so.
update members set ended = :ended where member_no = :member_no and coalesce(ended, 0) < :ended;

-- name: count_alive$
select count(*) from members where program_no = :program_no and ended is null;

-- name: member_years
select member_no, year, points
from member_years
where member_no = any(:member_nos::bigint[]) and year = any(:years::smallint[]);

-- name: write_member_years!
insert into member_years (member_no, year, points)
select * from unnest(:member_nos::bigint[], :years::smallint[], :points::bigint[])
on conflict (member_no, year) do update set points = excluded.points;

-- name: lower_member_year!
-- A year that earned nothing has no row, and a return that takes nothing touches none.
update member_years set points = points - :points
where member_no = :member_no and year = :year;
