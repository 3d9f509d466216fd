-- name: insert_bonuses!
-- Fewer rows than asked for: one of them was given already.
insert into bonuses (
    program_no, bonus_id, member_no, points, event_time, record_time, expire_time, memo, state,
    available_time, held, unit_id
)
select :program_no, row.bonus_id, row.member_no, row.points, row.event_time, :record_time, row.expire_time, row.memo, row.state,
    row.available_time, row.held, row.unit_id
from unnest(
    :bonus_ids::text[], :member_nos::bigint[], :points::bigint[], :event_times::timestamptz[],
    :expire_times::timestamptz[], :memos::text[], :states::smallint[], :available_times::timestamptz[], :held::boolean[],
    :unit_ids::text[]
) as row (bonus_id, member_no, points, event_time, expire_time, memo, state, available_time, held, unit_id)
on conflict do nothing;

-- name: bonuses_to_deliver
-- Those that still have to reach the ledger or to be taken back there, in the order in which they were asked for.
select
    b.bonus_id, b.member_no, m.member_id, b.points, b.event_time, b.record_time, b.expire_time, b.memo,
    coalesce(b.transaction_id, '') as transaction_id, b.revoked, b.available_time, b.late, b.held, b.unit_id
from unnest(:bonus_ids::text[]) with ordinality as wanted (bonus_id, place)
join bonuses b on b.program_no = :program_no and b.bonus_id = wanted.bonus_id
join members m on m.member_no = b.member_no
where b.state = :pending or (b.state = :posted and b.revoked and b.reversed_points is null)
order by wanted.place;

-- name: settle_bonuses!
-- A bonus is settled once: whoever asks the ledger again gets the same answer and changes nothing.
update bonuses b set state = row.state, transaction_id = row.transaction_id
from unnest(:bonus_ids::text[], :states::smallint[], :transaction_ids::text[]) as row (bonus_id, state, transaction_id)
where b.program_no = :program_no and b.bonus_id = row.bonus_id and b.state = :pending;

-- name: revoke_bonuses
update bonuses set revoked = true, late = :late
where program_no = :program_no and bonus_id = any(:bonus_ids::text[]) and not revoked
returning bonus_id;

-- name: settle_revoked!
update bonuses b set reversed_points = row.reversed_points
from unnest(:bonus_ids::text[], :reversed_points::bigint[]) as row (bonus_id, reversed_points)
where b.program_no = :program_no and b.bonus_id = row.bonus_id and b.reversed_points is null;

-- name: wallet_units_of
-- The other units in which members, or those who were merged into them, were ever given anything.
select distinct b.unit_id
from members m
join bonuses b on b.member_no = m.member_no
where (m.member_no = any(:member_nos::bigint[]) or m.merged_into = any(:member_nos::bigint[])) and b.unit_id <> ''
order by b.unit_id;
