-- name: count_purchases$
select count(*) from purchases
where program_no = :program_no
    and (:start_time::timestamptz is null or event_time >= :start_time)
    and (:end_time::timestamptz is null or event_time < :end_time);

-- name: purchases_to_replay
-- A page of some members' purchases, in the order of ids: no index leads from a member to its purchases, which each import
-- would pay for. Who was merged is the survivor.
select
    p.purchase_id, whose.member_no, p.event_time, p.record_time, p.amount, p.terms is null as rated_apart,
    p.base_points + p.tier_points + p.rule_points + case
        when p.terms is null then coalesce(
            (
                select sum(award)::bigint
                from counted_purchases c cross join lateral unnest(c.awards) as award
                where c.program_no = p.program_no and c.purchase_id = p.purchase_id and not exists (
                    select from ratings r cross join lateral jsonb_array_elements(r.rated_by -> 'counts_into') as other
                    where r.program_no = c.program_no and r.purchase_id = c.purchase_id and (other ->> 0)::integer = c.rule_no
                )
            ), 0
        )
        else 0
    end as points
from purchases p
join members m on m.member_no = p.member_no
cross join lateral (select coalesce(m.merged_into, m.member_no)) as whose (member_no)
where p.program_no = :program_no and p.purchase_id > :after
    and (:end_time::timestamptz is null or p.event_time < :end_time)
    and whose.member_no % :parts::integer = :part::integer
order by p.purchase_id
limit :most;

-- name: members_by_nos
select member_no, member_id, state, enroll_time, welcome_points, welcome_expire_time, ended, referred, offers_until
from members
where member_no = any(:member_nos::bigint[]);

-- name: baskets
select purchase_id, basket from ratings
where program_no = :program_no and purchase_id = any(:purchase_ids::text[]) and basket is not null;
