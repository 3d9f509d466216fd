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
where p.member_no = any(:member_nos::bigint[]) and p.locks and p.event_time > :since;

-- name: locking_count_awards
-- Awards for counts that were reached with these purchases.
select a.purchase_id, a.points, b.available_time
from count_awards a
join bonuses b on b.program_no = :program_no and b.bonus_id = 'c-' || a.award_no
where a.member_no = any(:member_nos::bigint[]) and not a.revoked and a.purchase_id = any(:purchase_ids::text[]);
