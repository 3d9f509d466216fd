-- name: insert_payouts!
insert into payouts (
    organisation, payout, kind, award_budget, person, amount, subject, due_time, wait_end_time, create_time
)
select :organisation, payout, kind, award_budget, person, amount, subject, :due_time, wait_end_time, :create_time
from unnest(
    :payouts::text[], :kinds::text[], :award_budgets::text[], :people::text[], :amounts::bigint[], :subjects::text[],
    :wait_end_times::timestamptz[]
) as new_payouts (payout, kind, award_budget, person, amount, subject, wait_end_time);

-- name: find_orders
-- What is still to be paid of these, whoever else is at it: the ledger pays each once.
select
    payouts.organisation, payout, program, award_budgets.account as source, rewards_account as destination, amount,
    subject, try_no, attempts, wait_end_time
from payouts
join award_budgets using (organisation, award_budget)
join people using (organisation, person)
join organisations using (organisation)
where organisation = :organisation and payout = any(:payouts::text[]) and state in ('pending', 'waiting')
order by payout;

-- name: claim_payouts
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, payout
    from payouts
    where state in ('pending', 'waiting') and due_time <= :now
    order by due_time
    limit :most
    for update skip locked
),
claimed as (
    update payouts
    set due_time = :lease_time, attempts = attempts + 1
    from due
    where payouts.organisation = due.organisation and payouts.payout = due.payout
    returning payouts.*
)
select
    claimed.organisation, payout, program, award_budgets.account as source, rewards_account as destination, amount,
    subject, try_no, attempts, wait_end_time
from claimed
join award_budgets using (organisation, award_budget)
join people using (organisation, person)
join organisations using (organisation)
order by program, organisation, payout;

-- name: settle_payouts
-- Writes down what the ledger answered to a try, and answers what is paid by that. A payout that somebody else has
-- settled or tried again meanwhile stays as it is.
with answers as (
    select *
    from unnest(
        :organisations::text[], :payouts::text[], :asked::integer[], :states::text[], :transactions::text[],
        :refusals::text[], :try_nos::integer[], :due_times::timestamptz[]
    ) as answers (organisation, payout, asked, state, transaction, refusal, try_no, due_time)
),
settled as (
    update payouts
    set
        state = answers.state, transaction = answers.transaction, refusal = answers.refusal, try_no = answers.try_no,
        due_time = answers.due_time,
        settle_time = case when answers.state in ('paid', 'refused') then :now::timestamptz end
    from answers
    where
        payouts.organisation = answers.organisation and payouts.payout = answers.payout
        and payouts.state in ('pending', 'waiting') and payouts.try_no = answers.asked
    returning payouts.organisation, payouts.payout, payouts.kind, payouts.state
)
select organisation, payout, kind from settled where state = 'paid' order by organisation, payout;

-- name: hasten_payouts!
-- What waits for this budget is due now.
update payouts
set due_time = :now, attempts = 0
where organisation = :organisation and award_budget = :award_budget and state = 'waiting';

-- name: unpaid_amount$
select coalesce(sum(amount), 0)::bigint
from payouts
where organisation = :organisation and award_budget = :award_budget and state in ('pending', 'waiting');

-- name: list_payouts
-- But for awards that the viewer would get: what they are refused an admin does not learn either.
select
    organisation, payout, subject, person, award_budget, amount, create_time, settle_time, state as payout_state,
    transaction, refusal, wait_end_time
from payouts
where
    organisation = :organisation
    and (kind <> 'award' or state = 'paid' or person is distinct from :viewer::text)
    and (:award_budget::text is null or award_budget = :award_budget)
    and (:state::text is null or state = :state)
    and (:person::text is null or person = :person)
    and (create_time, payout) < (:before_time::timestamptz, :before::text)
order by create_time desc, payout desc
limit :most;
