-- name: save_terms$
-- The version. The ledger is to be told; not before a worker that tells it of another version is done, or its lease has
-- ended, or else that version could reach the ledger last.
insert into budget_terms (
    organisation, version, mode, credit_limit, numerator, denominator, currency_code, actor, update_time, due_time,
    unbilled_month
)
values (
    :organisation, 1, :mode, :credit_limit, :numerator, :denominator, :currency_code, :actor, :update_time, :due_time,
    :first_month
)
on conflict (organisation)
do update set
    version = budget_terms.version + 1, mode = excluded.mode, credit_limit = excluded.credit_limit,
    numerator = excluded.numerator, denominator = excluded.denominator, currency_code = excluded.currency_code,
    actor = excluded.actor, update_time = excluded.update_time,
    due_time = greatest(budget_terms.due_time, excluded.due_time),
    unbilled_month = case
        when excluded.mode = 'billed_on_redemption' then coalesce(budget_terms.unbilled_month, :month)
    end
returning version;

-- name: find_terms^
select organisation, version, mode, credit_limit, numerator, denominator, currency_code, actor, due_time
from budget_terms
where organisation = :organisation;

-- name: claim_one_terms$
-- The organisation, if the ledger is to be told and no other worker is at it.
update budget_terms
set due_time = :lease_time
where organisation = :organisation and due_time <= :now
returning organisation;

-- name: claim_terms
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation
    from budget_terms
    where due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update budget_terms
set due_time = :lease_time, attempts = attempts + 1
from due
where budget_terms.organisation = due.organisation
returning budget_terms.organisation, budget_terms.attempts;

-- name: put_off_terms!
update budget_terms set due_time = :due_time where organisation = :organisation and due_time is not null;

-- name: mark_terms_told!
-- Where there are others by now, it is to be told of them next.
update budget_terms
set due_time = case when version = :version then null else :now::timestamptz end, attempts = 0
where organisation = :organisation and (version = :version or due_time > :now);

-- name: granted_accounts
-- The accounts of what was granted and may not be given yet, by id: allowances, also of those who left, and managers'.
select account
from (
    select allowance_account as account from people where organisation = :organisation
    union all
    select account from manager_budgets where organisation = :organisation
) as accounts
where account > :after
order by account
limit :most;
