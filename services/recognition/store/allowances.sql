-- name: plan_allowances$
-- Plans the month for every active person who has no later plan, and answers how many those are. The people are
-- locked in one order; who comes second finds them planned.
with unplanned as (
    select organisation, person
    from people
    where organisation = :organisation and active and planned_period < :period
    order by person
    for no key update
),
planned as (
    update people
    set planned_period = :period
    from unplanned
    where people.organisation = unplanned.organisation and people.person = unplanned.person
    returning people.organisation, people.person
),
inserted as (
    insert into allowances (organisation, person, period, amount, available_time, expire_time, due_time)
    select organisation, person, :period, :amount, :available_time, :expire_time, :due_time
    from planned
    on conflict do nothing
    returning person
)
select count(*) from inserted;

-- name: count_planned_people$
select count(*) from people where organisation = :organisation and active and planned_period >= :period;

-- name: unposted_allowances
-- What of one month is still to be posted, whoever else is at it: the ledger posts each once.
select
    organisation, person, period, program, unit, allowance_account, amount, available_time, expire_time, attempts
from allowances
join people using (organisation, person)
join organisations using (organisation)
where organisation = :organisation and period = :period and allowances.state = 'pending' and person > :after
order by person
limit :most;

-- name: claim_allowances
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, person, period
    from allowances
    where state = 'pending' and due_time <= :now
    order by due_time
    limit :most
    for update skip locked
),
claimed as (
    update allowances
    set due_time = :lease_time, attempts = attempts + 1
    from due
    where
        allowances.organisation = due.organisation and allowances.person = due.person
        and allowances.period = due.period
    returning allowances.*
)
select
    organisation, person, period, program, unit, allowance_account, amount, available_time, expire_time, attempts
from claimed
join people using (organisation, person)
join organisations using (organisation)
order by organisation, person, period;

-- name: mark_allowances!
-- Writes down what the ledger answered. A row that somebody else has settled meanwhile stays as it is.
update allowances
set state = answer.state, refusal = answer.refusal, due_time = answer.due_time
from unnest(
    :organisations::text[], :people::text[], :periods::date[], :states::text[], :refusals::text[],
    :due_times::timestamptz[]
) as answer (organisation, person, period, state, refusal, due_time)
where
    allowances.organisation = answer.organisation and allowances.person = answer.person
    and allowances.period = answer.period and allowances.state = 'pending';

-- name: granted_amount$
select amount
from allowances
where organisation = :organisation and person = :person and period = :period and state = 'posted';
