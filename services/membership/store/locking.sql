-- name: locking_purchases
-- What members' purchases gave that may still be locked.
select
    p.purchase_id, p.event_time, p.available_time, p.base_points + p.tier_points + p.rule_points as points, p.returned_points,
    r.rated_by -> 'tranches' as tranches, f.state as flag_state,
    (
        select jsonb_object_agg(a.tranche, a.state) from awaited_credits a
        where a.program_no = p.program_no and a.purchase_id = p.purchase_id
    ) as waits
from purchases p
left join ratings r on r.program_no = p.program_no and r.purchase_id = p.purchase_id
left join award_flags f on p.flag is not null and f.program_no = p.program_no and f.purchase_id = p.purchase_id
where p.member_no = any(:member_nos::bigint[]) and p.locks and p.event_time > :since
order by p.event_time desc, p.purchase_id desc
limit :most;

-- name: locking_days
-- What purchases before one of them gave, and awards for counts that were reached with these: by days.
select max(event_time) as event_time, sum(points)::bigint as points
from (
    select event_time, base_points + tier_points + rule_points - returned_points as points
    from purchases
    where member_no = any(:member_nos::bigint[]) and locks and event_time > :since
        and (event_time, purchase_id) < (:event_time, :purchase_id)
    union all
    select p.event_time, a.points
    from count_awards a
    join bonuses b on b.program_no = a.program_no and b.bonus_id = 'c-' || a.award_no and b.unit_id = ''
    join purchases p on p.program_no = a.program_no and p.purchase_id = a.purchase_id
    where a.member_no = any(:member_nos::bigint[]) and not a.revoked and p.locks and p.event_time > :since
        and (p.event_time, p.purchase_id) < (:event_time, :purchase_id)
) before
group by date_trunc('day', event_time, 'UTC');

-- name: locking_count_awards
-- Awards for counts that were reached with these purchases.
select a.purchase_id, a.points, b.available_time
from count_awards a
join bonuses b on b.program_no = :program_no and b.bonus_id = 'c-' || a.award_no
where a.member_no = any(:member_nos::bigint[]) and not a.revoked and a.purchase_id = any(:purchase_ids::text[])
    and b.unit_id = '';
