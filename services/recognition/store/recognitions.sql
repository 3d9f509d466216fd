-- name: insert_recognition!
insert into recognitions (
    organisation, recognition, giver, amount, message, purposes, visibility, actor, create_time, due_time
)
values (
    :organisation, :recognition, :giver, :amount, :message, :purposes, :visibility, :actor, :create_time, :due_time
);

-- name: insert_recognition_people!
insert into recognition_people (organisation, recognition, person, position, create_time)
select :organisation, :recognition, person, ordinality - 1, :create_time
from unnest(:people::text[]) with ordinality as concerned (person, ordinality);

-- name: find_recognition^
select
    organisation, recognition, giver, amount, message, purposes, visibility, state, create_time, transaction, refusal,
    available_amount, actor,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers
from recognitions
where organisation = :organisation and recognition = :recognition;

-- name: giving_accounts
-- The accounts that a recognition moves points between: the giver's allowance at position 0, then the receivers'
-- rewards.
select position, program, case position when 0 then allowance_account else rewards_account end as account
from recognition_people
join people using (organisation, person)
join organisations using (organisation)
where organisation = :organisation and recognition = :recognition
order by position;

-- name: claim_recognition$
-- The id, if it is due and was not taken by another worker; it is then put off until the lease ends.
update recognitions
set due_time = :lease_time
where organisation = :organisation and recognition = :recognition and state = 'pending' and due_time <= :now
returning recognition;

-- name: claim_recognitions
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, recognition
    from recognitions
    where state = 'pending' and due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update recognitions
set due_time = :lease_time, attempts = attempts + 1
from due
where recognitions.organisation = due.organisation and recognitions.recognition = due.recognition
returning recognitions.organisation, recognitions.recognition, recognitions.attempts;

-- name: put_off_recognition!
update recognitions
set due_time = :due_time
where organisation = :organisation and recognition = :recognition and state = 'pending';

-- name: mark_posted$
-- The id, or nothing where somebody else has settled it.
update recognitions
set state = 'posted', transaction = :transaction
where organisation = :organisation and recognition = :recognition and state = 'pending'
returning recognition;

-- name: mark_refused!
update recognitions
set state = 'refused', refusal = :refusal, available_amount = :available_amount
where organisation = :organisation and recognition = :recognition and state = 'pending';

-- name: list_recognitions
select
    organisation, recognition, giver, amount, message, purposes, visibility, state, create_time, transaction, refusal,
    available_amount, actor,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers
from recognitions
where
    organisation = :organisation
    and state = 'posted'
    and (create_time, recognition) < (:before_time::timestamptz, :before::text)
    and (:purpose::text is null or :purpose::text = any(purposes))
    and (
        visibility = 'public'
        or exists (
            select
            from recognition_people as concerned
            where
                concerned.organisation = recognitions.organisation
                and concerned.recognition = recognitions.recognition and concerned.person = :viewer::text
        )
    )
order by create_time desc, recognition desc
limit :most;

-- name: list_recognitions_of
-- The same for one giver or receiver, found by the index of whom recognitions concern.
select
    recognitions.organisation, recognitions.recognition, giver, amount, message, purposes, visibility, state,
    recognitions.create_time, transaction, refusal, available_amount, actor,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers
from recognition_people as of_person
join recognitions using (organisation, recognition)
where
    of_person.organisation = :organisation
    and of_person.person = :person
    and state = 'posted'
    and (of_person.create_time, of_person.recognition) < (:before_time::timestamptz, :before::text)
    and (:purpose::text is null or :purpose::text = any(purposes))
    and (
        visibility = 'public'
        or exists (
            select
            from recognition_people as concerned
            where
                concerned.organisation = recognitions.organisation
                and concerned.recognition = recognitions.recognition and concerned.person = :viewer::text
        )
    )
order by of_person.create_time desc, of_person.recognition desc
limit :most;
