-- name: insert_award_program$
-- The id, or nothing where it is taken.
insert into award_programs (
    organisation, award_program, display_name, award_budget, amount_min, amount_max, nominators, own_reports_only,
    chain, actor, create_time
)
values (
    :organisation, :award_program, :display_name, :award_budget, :amount_min, :amount_max, :nominators,
    :own_reports_only, :chain, :actor, :create_time
)
on conflict do nothing
returning award_program;

-- name: close_award_program$
-- The id, or nothing where there is no such program.
update award_programs
set closed_by = coalesce(closed_by, :actor)
where organisation = :organisation and award_program = :award_program
returning award_program;

-- name: list_award_programs
select
    organisation, award_program, display_name, award_budget, amount_min, amount_max, nominators, own_reports_only,
    chain, closed_by is not null as closed, create_time
from award_programs
where organisation = :organisation and award_program > :after
order by award_program
limit :most;

-- name: find_award_program^
select
    organisation, award_program, display_name, award_budget, amount_min, amount_max, nominators, own_reports_only,
    chain, closed_by is not null as closed, create_time
from award_programs
where organisation = :organisation and award_program = :award_program;

-- name: insert_award!
insert into awards (
    organisation, award, award_program, nominator, nominee, amount, reason, visibility, chain, state, level, approver,
    approver_role, deadline, payout, actor, create_time
)
values (
    :organisation, :award, :award_program, :nominator, :nominee, :amount, :reason, :visibility, :chain, :state, :level,
    :approver, :approver_role, :deadline, :payout, :actor, :create_time
);

-- name: update_award!
update awards
set
    state = :state, level = :level, approver = :approver, approver_role = :approver_role, deadline = :deadline,
    payout = :payout
where organisation = :organisation and award = :award;

-- name: lock_award$
-- Decisions about one award come one after another.
select award from awards where organisation = :organisation and award = :award for no key update;

-- name: take_overdue_award^
-- One whose level's time is over, which nobody else is at.
select organisation, award
from awards
where state = 'in_approval' and deadline <= :now
order by deadline
limit 1
for no key update skip locked;

-- name: insert_award_steps!
insert into award_steps (
    organisation, award, step, level, action, person, right_of, comment, actor, step_time
)
select :organisation, :award, :after + ordinality, level, action, person, right_of, comment, actor, step_time
from unnest(
    :levels::smallint[], :actions::text[], :people::text[], :rights_of::text[], :comments::text[], :actors::text[],
    :step_times::timestamptz[]
) with ordinality as steps (level, action, person, right_of, comment, actor, step_time, ordinality);

-- name: find_award_steps
select level, action, person, right_of, comment, actor, step_time
from award_steps
where organisation = :organisation and award = :award
order by step;

-- name: find_award^
select *
from award_details
where organisation = :organisation and award = :award;

-- name: list_given_awards
select seen.*
from seen_awards(:viewer::text) as seen
where
    seen.organisation = :organisation
    and (seen.create_time, seen.award) < (:before_time::timestamptz, :before::text)
order by seen.create_time desc, seen.award desc
limit :most;

-- name: list_awards_of_feed
-- Those that the viewer sees, in the order in which they were paid: of one nominee, or of who is in a team, if that is asked.
select seen.*, paid.settle_time
from payouts as paid
join seen_awards(:viewer::text) as seen on seen.organisation = paid.organisation and seen.award = paid.payout
where
    paid.organisation = :organisation
    and paid.kind = 'award'
    and paid.state = 'paid'
    and (:person::text is null or paid.person = :person)
    and (
        :team::text is null
        or exists (
            select
            from team_people
            where
                team_people.organisation = paid.organisation and team_people.team = :team
                and team_people.person = paid.person
        )
    )
    and (paid.settle_time, paid.payout) < (:before_time::timestamptz, :before::text)
order by paid.settle_time desc, paid.payout desc
limit :most;

-- name: list_awards_to_decide
-- Those that wait for one of these people, as whom the viewer may decide, or for somebody with their role. Nobody decides
-- about their own nor twice, nor does anybody by their right.
select
    awards.organisation, awards.award, award_program, nominator, nominee, awards.amount, reason, visibility, chain,
    awards.state, level, approver, deadline, awards.create_time, null::text as payout_state
from awards
where
    awards.organisation = :organisation
    and state = 'in_approval'
    and nominator <> :viewer and nominee <> :viewer
    and exists (
        select
        from unnest(:people::text[], :roles::text[]) as able (person, role)
        where
            (able.person = approver or (approver = '' and able.role = approver_role))
            and able.person not in (nominator, nominee)
            and not exists (
                select
                from award_steps as steps
                where
                    steps.organisation = awards.organisation and steps.award = awards.award
                    and steps.action = 'approved' and able.person in (steps.person, steps.right_of)
            )
    )
    and (awards.create_time, award) < (:before_time::timestamptz, :before::text)
    and not exists (
        select
        from award_steps as steps
        where
            steps.organisation = awards.organisation and steps.award = awards.award
            and steps.action = 'approved' and :viewer::text in (steps.person, steps.right_of)
    )
order by awards.create_time desc, award desc
limit :most;

-- name: list_awards_of_nominator
select
    awards.organisation, awards.award, award_program, nominator, nominee, awards.amount, reason, visibility, chain,
    awards.state, level, approver, deadline, awards.create_time, payouts.state as payout_state, transaction, refusal,
    wait_end_time
from awards
left join payouts using (organisation, payout)
where
    awards.organisation = :organisation
    and nominator = :nominator
    and (awards.create_time, award) < (:before_time::timestamptz, :before::text)
order by awards.create_time desc, award desc
limit :most;

-- name: list_all_awards
-- But for what the viewer would get: what they are refused an admin does not learn either.
select
    awards.organisation, awards.award, award_program, nominator, nominee, awards.amount, reason, visibility, chain,
    awards.state, level, approver, deadline, awards.create_time, payouts.state as payout_state, transaction, refusal,
    wait_end_time
from awards
left join payouts using (organisation, payout)
where
    awards.organisation = :organisation
    and (nominee is distinct from :viewer::text or payouts.state = 'paid')
    and (awards.create_time, award) < (:before_time::timestamptz, :before::text)
order by awards.create_time desc, award desc
limit :most;

-- name: staff_of_roles
-- Some of those who have a role and may decide: that there is one is what matters.
select person, active, role
from people
where organisation = :organisation and active and role = any(:roles::text[]) and person <> all(:excluded::text[])
order by person
limit 20;
