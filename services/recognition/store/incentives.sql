-- name: insert_incentive$
-- The id, or nothing where it is taken.
insert into incentives (
    organisation, incentive, display_name, award_budget, amount, monthly_quantity, monthly_quantity_per_person,
    start_time, end_time, review, actor, create_time
)
values (
    :organisation, :incentive, :display_name, :award_budget, :amount, :monthly_quantity, :monthly_quantity_per_person,
    :start_time, :end_time, :review, :actor, :create_time
)
on conflict do nothing
returning incentive;

-- name: find_incentive^
select
    organisation, incentive, display_name, award_budget, amount, monthly_quantity, monthly_quantity_per_person,
    start_time, end_time, review, create_time
from incentives
where organisation = :organisation and incentive = :incentive;

-- name: lock_incentive$
-- Whoever else claims it waits: the month's quantity is decided one claim after another.
select incentive from incentives where organisation = :organisation and incentive = :incentive for no key update;

-- name: count_claims^
select count(*)::integer as of_all, (count(*) filter (where person = :person))::integer as of_person
from claims
where organisation = :organisation and incentive = :incentive and month = :month and state <> 'rejected';

-- name: is_reference_claimed$
select exists (
    select
    from claims
    where
        organisation = :organisation and incentive = :incentive and external_reference = :external_reference
        and state <> 'rejected'
);

-- name: insert_claim!
insert into claims (
    organisation, claim, incentive, person, month, proof, external_reference, state, reviewer, payout, actor, create_time
)
values (
    :organisation, :claim, :incentive, :person, :month, :proof, :external_reference, :state, :reviewer, :payout, :actor,
    :create_time
);

-- name: decide_claim!
update claims
set
    state = :state, reviewer = '', decided_by = :decided_by, right_of = :right_of, comment = :comment, payout = :payout
where organisation = :organisation and claim = :claim;

-- name: lock_claim$
-- Decisions about one claim come one after another.
select claim from claims where organisation = :organisation and claim = :claim for no key update;

-- name: find_claim^
select
    claims.organisation, claim, incentive, claims.person, proof, external_reference, claims.state, reviewer, decided_by,
    right_of, comment, claims.create_time, incentives.amount, review, payouts.state as payout_state, transaction,
    refusal, wait_end_time
from claims
join incentives using (organisation, incentive)
left join payouts using (organisation, payout)
where claims.organisation = :organisation and incentive = :incentive and claim = :claim;
