-- name: insert_award_budget$
-- The id, or nothing where it is taken.
insert into award_budgets (organisation, award_budget, display_name, account, wait_days, actor, create_time)
values (:organisation, :award_budget, :display_name, :account, :wait_days, :actor, :create_time)
on conflict do nothing
returning award_budget;

-- name: find_award_budget^
select organisation, award_budget, award_budgets.display_name, program, account, wait_days, award_budgets.create_time
from award_budgets
join organisations using (organisation)
where organisation = :organisation and award_budget = :award_budget;

-- name: list_award_budgets
select organisation, award_budget, award_budgets.display_name, program, account, wait_days, award_budgets.create_time
from award_budgets
join organisations using (organisation)
where organisation = :organisation and award_budget > :after
order by award_budget
limit :most;
