-- name: insert_program^
-- Nothing where the program exists already.
insert into programs (
    program_id, unit_id, currency_code, time_zone, welcome_points, claim_days, return_wait_days, expiry_reminder_days,
    purchase_statistics, expiry, tier_metric, tier_period, tier_counted_after_days, tier_downgrade, tier_grace_days,
    mild_returns, late_days, return_window_days, never_locked, availability, welcome_reward, rules_revision,
    create_time, actor
)
values (
    :program_id, :unit_id, :currency_code, :time_zone, :welcome_points, :claim_days, :return_wait_days,
    :expiry_reminder_days, :purchase_statistics, :expiry::smallint[], :tier_metric, :tier_period,
    :tier_counted_after_days, :tier_downgrade, :tier_grace_days, :mild_returns, :late_days, :return_window_days,
    :never_locked, :availability, :welcome_reward, 1,
    :create_time, :actor
)
on conflict do nothing
returning program_no;

-- name: insert_tiers!
insert into tiers (program_no, level, tier_id, threshold, multiplier_numerator, multiplier_denominator)
select :program_no, t.*
from unnest(
    :levels::smallint[], :tier_ids::text[], :thresholds::bigint[], :numerators::bigint[], :denominators::bigint[]
) as t (level, tier_id, threshold, numerator, denominator);

-- name: find_program^
select * from programs where program_id = :program_id;

-- name: program_by_no^
select * from programs where program_no = :program_no;

-- name: tiers_of_program
select * from tiers where program_no = :program_no order by level;

-- name: first_rule^
select rule_id, definition from rule_versions where program_no = :program_no and revision = 1;

-- name: member_totals^
select
    count(*) filter (where ended is distinct from 3) as member_count, coalesce(sum(welcome_points), 0)::bigint as welcome_points
from members
where program_no = :program_no;

-- name: purchase_totals^
select
    count(*) as purchase_count,
    coalesce(sum(base_points), 0)::bigint as base_points,
    coalesce(sum(tier_points), 0)::bigint as tier_points,
    coalesce(sum(rule_points), 0)::bigint as rule_points,
    coalesce(sum(returned_points), 0)::bigint as returned_points,
    (
        select count(distinct p.purchase_id)
        from deliveries d
        cross join unnest(d.purchase_ids) as due (purchase_id)
        join purchases p on p.program_no = d.program_no and p.purchase_id = due.purchase_id
        left join settlements s on s.delivery_no = p.delivery_no
        where d.program_no = :program_no and s.transaction_ids[p.place] is null
    ) as pending_purchase_count
from purchases
where program_no = :program_no;

-- name: members_by_level
-- How many members hold each level above 0 in a year: by the better of that year and the one before.
select best.level, count(*) as member_count
from (
    select width_bucket(max(y.points), :thresholds::bigint[]) as level
    from members m
    join member_years y on y.member_no = m.member_no
    where m.program_no = :program_no and m.ended is distinct from 3 and y.year in (:year, :year - 1)
    group by m.member_no
) as best
where best.level > 0
group by best.level;
