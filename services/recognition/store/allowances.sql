-- name: lock_unplanned_people
-- Every active person of these roles who has no later plan, with what decides how much they are granted. They are locked
-- in one order; who comes second does not find them any more.
select
    person, allowance_account, coalesce(boost.amount, 0) as boost_amount, role, country,
    array(
        select team
        from team_people
        where team_people.organisation = people.organisation and team_people.person = people.person
    ) as teams
from people
left join allowance_boosts as boost using (organisation, person)
where organisation = :organisation and active and role = any(:roles::text[]) and planned_period < :period
order by person
for no key update of people;

-- name: mark_planned!
update people
set planned_period = :period
where organisation = :organisation and person = any(:people::text[]);

-- name: lock_unplanned_budgets
-- The budgets of active managers that have no later plan.
select person, account, amount, carry_over_periods
from manager_budgets
join people using (organisation, person)
where organisation = :organisation and active and manager_budgets.planned_period < :period
order by person
for no key update of manager_budgets;

-- name: mark_budgets_planned!
update manager_budgets
set planned_period = :period
where organisation = :organisation and person = any(:people::text[]);

-- name: insert_allowances$
-- How many were not there before.
with inserted as (
    insert into allowances (
        organisation, person, purpose, period, period_kind, account, amount, boost_amount, available_time, expire_time,
        due_time
    )
    select
        :organisation, person, :purpose, :period, :period_kind, account, amount, boost_amount, :available_time,
        expire_time, :due_time
    from unnest(
        :people::text[], :accounts::text[], :amounts::bigint[], :boost_amounts::bigint[], :expire_times::timestamptz[]
    ) as shares (person, account, amount, boost_amount, expire_time)
    order by person
    on conflict do nothing
    returning person
)
select count(*) from inserted;

-- name: count_allowances$
-- How many active people have an allowance for the period.
select count(*)
from allowances
join people using (organisation, person)
where organisation = :organisation and purpose = 'give' and period = :period and active;

-- name: count_short$
-- How many wait because the budget is short.
select count(*)
from allowances
where
    organisation = :organisation and purpose = 'give' and period = :period and state = 'pending'
    and refusal = 'BUDGET_EXHAUSTED';

-- name: unposted_allowances
-- What of one period is still to be posted, whoever else is at it: the ledger posts each once.
select
    organisation, person, purpose, period, period_kind, program, unit, account, amount, available_time, expire_time, attempts
from allowances
join organisations using (organisation)
where
    organisation = :organisation and period = :period and state = 'pending'
    and (person, purpose) > (:after_person, :after_purpose)
order by person, purpose
limit :most;

-- name: claim_allowances
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, person, purpose, period
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
        and allowances.purpose = due.purpose and allowances.period = due.period
    returning allowances.*
)
select
    organisation, person, purpose, period, period_kind, program, unit, account, amount, available_time, expire_time, attempts
from claimed
join organisations using (organisation)
order by organisation, person, purpose, period;

-- name: mark_allowances!
-- Writes down what the ledger answered. A row that somebody else has settled meanwhile stays as it is, and one that was
-- woken since the ledger was asked stays due: what it answered may be so no more.
update allowances
set
    state = answer.state, refusal = answer.refusal,
    due_time = case when allowances.due_time = '-infinity' then allowances.due_time else answer.due_time end
from unnest(
    :organisations::text[], :people::text[], :purposes::text[], :periods::date[], :states::text[], :refusals::text[],
    :due_times::timestamptz[]
) as answer (organisation, person, purpose, period, state, refusal, due_time)
where
    allowances.organisation = answer.organisation and allowances.person = answer.person
    and allowances.purpose = answer.purpose and allowances.period = answer.period and allowances.state = 'pending';

-- name: note_shortage$
-- The organisation, or nothing where it was noted before.
insert into budget_shortages (organisation, period)
values (:organisation, :period)
on conflict do nothing
returning organisation;

-- name: wake_short!
-- Who waits for the budget is due at once, and whoever is about to: of whom the ledger was asked and has not answered.
-- It is a time that no answer and no clock gives, so that an answer from before the budget was funded is told apart.
update allowances
set due_time = '-infinity'
where organisation = :organisation and state = 'pending' and refusal in ('', 'BUDGET_EXHAUSTED');

-- name: granted_amounts
select person, amount
from allowances
where
    organisation = :organisation and person = any(:people::text[]) and purpose = :purpose and period = :period
    and state = 'posted';

-- name: period_amounts^
-- What of a period's grants is posted, and what waits.
select
    coalesce(sum(amount) filter (where state = 'posted'), 0)::bigint as granted_amount,
    coalesce(sum(amount) filter (where state = 'pending'), 0)::bigint as waiting_amount
from allowances
where organisation = :organisation and period = :period;
