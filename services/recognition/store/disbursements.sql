-- name: insert_disbursement$
-- The id, or nothing where the budget was funded on this invoice before.
insert into disbursements (
    organisation, disbursement, doing, manager, receivers, amount, note, source, destinations, actor, create_time, due_time
)
values (
    :organisation, :disbursement, :doing, :manager, :receivers, :amount, :note, :source, :destinations, :actor,
    :create_time, :due_time
)
on conflict do nothing
returning disbursement;

-- name: find_disbursement^
select
    disbursements.organisation, disbursement, doing, manager, receivers, amount, note, program, source, destinations,
    state, disbursements.actor, disbursements.create_time, transaction, refusal, available_amount
from disbursements
join organisations using (organisation)
where disbursements.organisation = :organisation and disbursement = :disbursement;

-- name: claim_disbursement$
-- The id, if it is due and was not taken by another worker; it is then put off until the lease ends.
update disbursements
set due_time = :lease_time
where organisation = :organisation and disbursement = :disbursement and state = 'pending' and due_time <= :now
returning disbursement;

-- name: claim_disbursements
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, disbursement
    from disbursements
    where state = 'pending' and due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update disbursements
set due_time = :lease_time, attempts = attempts + 1
from due
where disbursements.organisation = due.organisation and disbursements.disbursement = due.disbursement
returning disbursements.organisation, disbursements.disbursement, disbursements.attempts;

-- name: put_off_disbursement!
update disbursements
set due_time = :due_time
where organisation = :organisation and disbursement = :disbursement and state = 'pending';

-- name: settle_disbursement!
update disbursements
set state = :state, transaction = :transaction, refusal = :refusal, available_amount = :available_amount
where organisation = :organisation and disbursement = :disbursement and state = 'pending';

-- name: funded_amount$
select coalesce(sum(amount), 0)::bigint
from disbursements
where organisation = :organisation and doing = 'fund' and state = 'posted';
