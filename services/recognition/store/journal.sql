-- name: begin_position!
-- Nothing moved before the organisation was there; the clocks of two servers may differ.
insert into journal_positions (program, counted_time, due_time)
values (:program, :create_time::timestamptz - interval '1 hour', :create_time)
on conflict do nothing;

-- name: claim_positions
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select program
    from journal_positions
    where due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update journal_positions
set due_time = :lease_time, attempts = attempts + 1
from due
where journal_positions.program = due.program
returning journal_positions.program, journal_positions.attempts;

-- name: put_off_position!
update journal_positions set due_time = :due_time where program = :program;

-- name: find_position^
select counted_time, until_time, page_token from journal_positions where program = :program;

-- name: move_position$
-- The program, or nothing where another worker has moved it.
update journal_positions
set counted_time = :new_counted_time, until_time = :new_until_time, page_token = :new_page_token,
    due_time = :due_time, attempts = 0
where program = :program and counted_time = :counted_time and page_token = :page_token
returning program;

-- name: organisations_of_program
select organisation, unit, time_zone from organisations where program = :program;

-- name: oldest_boost$
-- When the oldest one-time boost was ordered that nobody knows the transaction of yet.
select min(disbursements.create_time)
from disbursements
join organisations using (organisation)
where program = :program and state = 'pending' and doing = 'boost';

-- name: owners_of_accounts
select account, organisation, place, person
from (
    select people.allowance_account as account, organisation, 'allowance' as place, person
    from people
    join organisations using (organisation)
    where program = :program and allowance_account = any(:accounts::text[])
    union all
    select rewards_account, organisation, 'rewards', person
    from people
    join organisations using (organisation)
    where program = :program and rewards_account = any(:accounts::text[])
    union all
    select account, organisation, 'manager_budget', person
    from manager_budgets
    join organisations using (organisation)
    where program = :program and account = any(:accounts::text[])
    union all
    select account, organisation, 'award_budget', ''
    from award_budgets
    join organisations using (organisation)
    where program = :program and account = any(:accounts::text[])
) as owned;

-- name: boosts_among
select transaction
from disbursements
join organisations using (organisation)
where program = :program and doing = 'boost' and transaction = any(:transactions::text[]);

-- name: add_flows!
insert into point_flows (organisation, month, kind, source, destination, amount)
select *
from unnest(
    :organisations::text[], :months::date[], :kinds::text[], :sources::text[], :destinations::text[],
    :amounts::bigint[]
)
on conflict (organisation, month, kind, source, destination)
do update set amount = point_flows.amount + excluded.amount;

-- name: insert_redemptions!
insert into redemptions (organisation, month, person, transaction, points, record_time)
select *
from unnest(
    :organisations::text[], :months::date[], :people::text[], :transactions::text[], :points::bigint[],
    :record_times::timestamptz[]
);

-- name: flows_of
select month, kind, source, destination, amount from point_flows where organisation = :organisation;

-- name: redeemed_in^
select
    coalesce(sum(points) filter (where points > 0), 0)::bigint as redeemed,
    coalesce(-sum(points) filter (where points < 0), 0)::bigint as returned
from redemptions
where organisation = :organisation and month = :month;
