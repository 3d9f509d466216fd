-- name: insert_ratings!
insert into ratings (program_no, purchase_id, level, basket, rated_by)
select :program_no, row.*
from unnest(:purchase_ids::text[], :levels::smallint[], :baskets::jsonb[], :rated_by::jsonb[])
    as row (purchase_id, level, basket, rated_by);

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
