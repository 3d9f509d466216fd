-- name: campaigns
select * from campaigns where program_no = :program_no order by campaign_no;

-- name: insert_campaign!
insert into campaigns (
    program_no, campaign_no, revision, campaign_id, display_name, start_time, end_time, budget, counts_awards,
    holdout_numerator, holdout_denominator, create_time, actor
)
values (
    :program_no, :campaign_no, :revision, :campaign_id, :display_name, :start_time, :end_time, :budget,
    :counts_awards, :holdout_numerator, :holdout_denominator, :create_time, :actor
);

-- name: update_campaign!
update campaigns
set revision = :revision, display_name = :display_name, start_time = :start_time, end_time = :end_time, budget = :budget,
    archived = :archived
where program_no = :program_no and campaign_no = :campaign_no;

-- name: insert_budget!
insert into campaign_budgets (program_no, campaign_no, slice, points)
select :program_no, :campaign_no, row.slice - 1, row.points
from unnest(:points::bigint[]) with ordinality as row (points, slice);

-- name: take_of_budget$
-- From the first slice, counted from `place` on, that covers it and that nobody else is taking from.
with covering as (
    select slice from campaign_budgets
    where program_no = :program_no and campaign_no = :campaign_no and points - spent >= :points
    order by (slice + :place::bigint) % 16
    limit 1
    for update skip locked
)
update campaign_budgets b set spent = b.spent + :points
from covering
where b.program_no = :program_no and b.campaign_no = :campaign_no and b.slice = covering.slice
returning b.slice;

-- name: left_of_budget$
select sum(points - spent)::bigint from campaign_budgets
where program_no = :program_no and campaign_no = :campaign_no;

-- name: hold_budgets
-- In one order for all, so that nobody waits for somebody who waits for them.
select campaign_no, slice, points, spent from campaign_budgets
where program_no = :program_no and campaign_no = any(:campaign_nos::integer[])
order by campaign_no, slice
for update;

-- name: write_budget!
update campaign_budgets b set points = row.points, spent = row.spent
from unnest(:slices::smallint[], :points::bigint[], :spent::bigint[]) as row (slice, points, spent)
where b.program_no = :program_no and b.campaign_no = :campaign_no and b.slice = row.slice;

-- name: spent_of_budgets
select campaign_no, sum(spent)::bigint as spent from campaign_budgets
where program_no = :program_no and campaign_no = any(:campaign_nos::integer[])
group by campaign_no;

-- name: count_campaign_members!
insert into campaign_members as m (
    program_no, campaign_no, member_no, held_out, purchases, amount, awarded_purchases, points
)
select :program_no, row.*
from unnest(
    :campaign_nos::integer[], :member_nos::bigint[], :held_out::boolean[], :purchases::bigint[], :amounts::bigint[],
    :awarded::bigint[], :points::bigint[]
) as row (campaign_no, member_no, held_out, purchases, amount, awarded_purchases, points)
on conflict (program_no, campaign_no, member_no) do update
set purchases = m.purchases + excluded.purchases, amount = m.amount + excluded.amount,
    awarded_purchases = m.awarded_purchases + excluded.awarded_purchases, points = m.points + excluded.points;

-- name: change_campaign_members!
update campaign_members m set awarded_purchases = m.awarded_purchases + row.awarded, points = m.points + row.points
from unnest(:campaign_nos::integer[], :member_nos::bigint[], :awarded::bigint[], :points::bigint[])
    as row (campaign_no, member_no, awarded, points)
where m.program_no = :program_no and m.campaign_no = row.campaign_no and m.member_no = row.member_no;

-- name: count_campaign_return!
update campaign_members set returned_amount = returned_amount + :amount
where program_no = :program_no and campaign_no = any(:campaign_nos::integer[]) and member_no = :member_no;

-- name: campaign_groups
select
    held_out, count(*) as members, sum(purchases)::bigint as purchases, sum(amount)::bigint as amount,
    sum(returned_amount)::bigint as returned_amount, sum(awarded_purchases)::bigint as awarded_purchases,
    sum(points)::bigint as points
from campaign_members
where program_no = :program_no and campaign_no = :campaign_no
group by held_out;
