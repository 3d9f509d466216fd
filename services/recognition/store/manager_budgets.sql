-- name: save_manager_budget!
insert into manager_budgets (organisation, person, amount, carry_over_periods, account, actor, update_time)
values (:organisation, :person, :amount, :carry_over_periods, :account, :actor, :update_time)
on conflict (organisation, person)
do update set
    amount = excluded.amount, carry_over_periods = excluded.carry_over_periods, actor = excluded.actor,
    update_time = excluded.update_time;

-- name: find_manager_budget^
select organisation, person, amount, carry_over_periods
from manager_budgets
where organisation = :organisation and person = :person;

-- name: list_manager_budgets
select organisation, person, amount, carry_over_periods
from manager_budgets
where organisation = :organisation and person > :after
order by person
limit :most;
