-- name: rule_counts
select c.member_no, c.rule_no, c.counted, c.given, c.owed
from unnest(:member_nos::bigint[], :rule_nos::integer[]) as wanted (member_no, rule_no)
join rule_counts c using (member_no, rule_no);

-- name: write_rule_counts!
insert into rule_counts (member_no, rule_no, counted, given, owed)
select * from unnest(:member_nos::bigint[], :rule_nos::integer[], :counted::bigint[], :given::bigint[], :owed::jsonb[])
on conflict (member_no, rule_no) do update
set counted = excluded.counted, given = excluded.given, owed = excluded.owed;

-- name: rule_counts_of_member
select c.rule_no, c.counted, c.given, c.owed, v.definition -> 'count' as count
from rule_counts c
join rule_versions v on v.program_no = :program_no and v.rule_no = c.rule_no and v.version = 1
where c.member_no = :member_no
order by c.rule_no;

-- name: insert_counted_purchases!
insert into counted_purchases (program_no, purchase_id, rule_no, count, counts, reached, awards, uncovered)
select :program_no, row.purchase_id, row.rule_no, row.count, row.counts, row.reached,
    array(select points::bigint from jsonb_array_elements_text(row.awards) as points), row.uncovered
from unnest(
    :purchase_ids::text[], :rule_nos::integer[], :counts_by::jsonb[], :counts::bigint[], :reached::bigint[],
    :awards::jsonb[], :uncovered::boolean[]
) as row (purchase_id, rule_no, count, counts, reached, awards, uncovered);

-- name: counted_purchases
select purchase_id, rule_no, count, counts, reached, awards, uncovered
from counted_purchases
where program_no = :program_no and purchase_id = any(:purchase_ids::text[])
order by purchase_id, rule_no;

-- name: delete_counted_purchase!
delete from counted_purchases where program_no = :program_no and purchase_id = :purchase_id;

-- name: lower_counted_purchase!
update counted_purchases set counts = :counts
where program_no = :program_no and purchase_id = :purchase_id and rule_no = :rule_no;

-- name: insert_count_awards
insert into count_awards (program_no, member_no, rule_no, purchase_id, points)
select :program_no, row.*
from unnest(:member_nos::bigint[], :rule_nos::integer[], :purchase_ids::text[], :points::bigint[])
    as row (member_no, rule_no, purchase_id, points)
returning award_no, member_no, rule_no, purchase_id, points;

-- name: count_awards_that_may_fall
-- Of awards worth the same the latest.
select a.award_no, a.purchase_id, a.points
from count_awards a
join purchases p on p.program_no = a.program_no and p.purchase_id = a.purchase_id
where a.member_no = :member_no and a.rule_no = :rule_no and not a.revoked
order by (a.purchase_id = :purchase_id) desc, a.points desc, p.event_time desc, a.purchase_id desc, a.award_no desc
limit :awards;

-- name: standing_count_awards
select a.member_no, a.rule_no, a.award_no, a.purchase_id, a.points, b.available_time, b.expire_time
from unnest(:member_nos::bigint[], :rule_nos::integer[]) as wanted (member_no, rule_no)
join count_awards a on a.member_no = wanted.member_no and a.rule_no = wanted.rule_no and not a.revoked
left join bonuses b on b.program_no = :program_no and b.bonus_id = 'c-' || a.award_no
order by a.award_no;

-- name: move_count_awards_to!
update count_awards a set purchase_id = row.purchase_id
from unnest(:award_nos::bigint[], :purchase_ids::text[]) as row (award_no, purchase_id)
where a.award_no = row.award_no;

-- name: revoke_count_awards!
update count_awards set revoked = true where award_no = any(:award_nos::bigint[]);
