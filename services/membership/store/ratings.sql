-- name: insert_ratings!
insert into ratings (program_no, purchase_id, level, basket, rated_by)
select :program_no, row.*
from unnest(:purchase_ids::text[], :levels::smallint[], :baskets::jsonb[], :rated_by::jsonb[])
    as row (purchase_id, level, basket, rated_by);

-- name: rerate!
-- A rule that came into force before a till's clock said that the purchase happened may have it rated by more than it was.
insert into ratings (program_no, purchase_id, level, rated_by)
select :program_no, row.purchase_id, row.level, row.rated_by
from unnest(:purchase_ids::text[], :levels::smallint[], :rated_by::jsonb[]) as row (purchase_id, level, rated_by)
on conflict (program_no, purchase_id) do update set level = excluded.level, rated_by = excluded.rated_by;

-- name: find_basket$
select basket from ratings where program_no = :program_no and purchase_id = :purchase_id;

-- name: rule_uses
select u.member_no, u.rule_no, u.period, u.start, u.used
from unnest(:member_nos::bigint[], :rule_nos::integer[], :periods::smallint[], :starts::integer[])
    as wanted (member_no, rule_no, period, start)
join rule_uses u using (member_no, rule_no, period, start);

-- name: write_rule_uses!
insert into rule_uses (member_no, rule_no, period, start, used)
select * from unnest(:member_nos::bigint[], :rule_nos::integer[], :periods::smallint[], :starts::integer[], :used::bigint[])
on conflict (member_no, rule_no, period, start) do update set used = excluded.used;

-- name: forget_rule_uses!
delete from rule_uses u
using unnest(:member_nos::bigint[], :rule_nos::integer[], :periods::smallint[], :starts::integer[])
    as unused (member_no, rule_no, period, start)
where (u.member_no, u.rule_no, u.period, u.start) = (unused.member_no, unused.rule_no, unused.period, unused.start);
