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
    organisation, claim, incentive, person, month, proof, external_reference, state, reviewer, reviewer_role, payout,
    actor, create_time
)
values (
    :organisation, :claim, :incentive, :person, :month, :proof, :external_reference, :state, :reviewer, :reviewer_role,
    :payout, :actor, :create_time
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

-- name: list_incentives
-- By id; of those that can be claimed at `open_at`, if that is given.
select
    organisation, incentive, display_name, award_budget, amount, monthly_quantity, monthly_quantity_per_person,
    start_time, end_time, review, create_time
from incentives
where
    organisation = :organisation
    and incentive > :after
    and (
        :open_at::timestamptz is null
        or (coalesce(start_time <= :open_at, true) and coalesce(end_time > :open_at, true))
    )
order by incentive
limit :most;

-- name: list_claims
-- Those that were decided by somebody or by their right, if that is asked for, and of these what else is.
select
    claims.organisation, claim, incentive, claims.person, proof, external_reference, claims.state, reviewer, decided_by,
    right_of, comment, claims.create_time, incentives.amount, review, payouts.state as payout_state, transaction,
    refusal, wait_end_time
from claims
join incentives using (organisation, incentive)
left join payouts using (organisation, payout)
where
    claims.organisation = :organisation
    and (:decider::text is null or decided_by = :decider or right_of = :decider)
    and (:incentive::text is null or incentive = :incentive)
    and (:person::text is null or claims.person = :person)
    and (:state::text is null or claims.state = :state)
    and (claims.create_time, claim) < (:before_time::timestamptz, :before::text)
order by claims.create_time desc, claim desc
limit :most;

-- name: list_claims_to_decide
-- Those that wait for one of these people, as whom the viewer may decide, or for somebody with their role; for an admin also
-- those whose reviewer has left. Nobody decides about their own, nor does anybody by their right.
select
    claims.organisation, claim, incentive, claims.person, proof, external_reference, claims.state, reviewer, decided_by,
    right_of, comment, claims.create_time, incentives.amount, review, null::text as payout_state
from claims
join incentives using (organisation, incentive)
where
    claims.organisation = :organisation
    and claims.state = 'in_review'
    and claims.person <> :viewer
    and (
        exists (
            select
            from unnest(:people::text[], :roles::text[]) as able (person, role)
            where
                able.person <> claims.person
                and (able.person = reviewer or (reviewer = '' and able.role = reviewer_role))
        )
        or (
            :is_admin
            and exists (
                select
                from people
                where people.organisation = claims.organisation and people.person = reviewer and not active
            )
        )
    )
    and (:incentive::text is null or incentive = :incentive)
    and (:person::text is null or claims.person = :person)
    and (:state::text is null or claims.state = :state)
    and (claims.create_time, claim) < (:before_time::timestamptz, :before::text)
order by claims.create_time desc, claim desc
limit :most;
