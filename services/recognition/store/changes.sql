-- name: insert_change!
insert into recognition_changes (
    organisation, change, recognition, kind, person, giver, receivers, amounts, policy, before, after, state, actor,
    create_time, due_time
)
values (
    :organisation, :change, :recognition, :kind, :person, :giver, :receivers, :amounts, :policy, :before::jsonb,
    :after::jsonb, :state, :actor, :create_time, :due_time
);

-- name: find_change^
select
    organisation, change, recognition, kind, person, giver, receivers, amounts, policy, before, after, state, refusal,
    available_amount, actor, create_time
from recognition_changes
where organisation = :organisation and change = :change;

-- name: list_changes
select
    organisation, change, recognition, kind, person, giver, receivers, amounts, policy, before, after, state, refusal,
    available_amount, actor, create_time
from recognition_changes
where organisation = :organisation and recognition = :recognition and kind = any(:kinds::text[]) and state = :state
order by create_time, change;

-- name: claim_change$
-- The id, if it is due and was not taken by another worker; it is then put off until the lease ends.
update recognition_changes
set due_time = :lease_time
where organisation = :organisation and change = :change and state = 'pending' and due_time <= :now
returning change;

-- name: claim_changes
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, change
    from recognition_changes
    where state = 'pending' and due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update recognition_changes
set due_time = :lease_time, attempts = attempts + 1
from due
where recognition_changes.organisation = due.organisation and recognition_changes.change = due.change
returning recognition_changes.organisation, recognition_changes.change, recognition_changes.attempts;

-- name: put_off_change!
update recognition_changes
set due_time = :due_time
where organisation = :organisation and change = :change and state = 'pending';

-- name: settle_change$
-- The id, or nothing where somebody else has settled it.
update recognition_changes
set state = :state, refusal = :refusal, available_amount = :available_amount
where organisation = :organisation and change = :change and state = 'pending'
returning change;
