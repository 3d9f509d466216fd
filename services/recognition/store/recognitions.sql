-- name: insert_recognition!
insert into recognitions (
    organisation, recognition, giver, amount, message, purposes, visibility, actor, create_time
)
values (
    :organisation, :recognition, :giver, :amount, :message, :purposes, :visibility, :actor, :create_time
);

-- name: insert_recognition_people!
insert into recognition_people (organisation, recognition, person, position, create_time)
select :organisation, :recognition, person, ordinality - 1, :create_time
from unnest(:people::text[]) with ordinality as concerned (person, ordinality);

-- name: find_recognition^
select
    organisation, recognition, giver, amount, message, purposes, visibility, state, create_time, edit_time, actor,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers,
    array(
        select transaction
        from recognition_movements as moved
        where
            moved.organisation = recognitions.organisation and moved.recognition = recognitions.recognition
            and moved.kind = 'given' and moved.amount > 0
        order by record_time, ordinal
    ) as transactions
from recognitions
where organisation = :organisation and recognition = :recognition;

-- name: lock_recognition$
-- Its state, which stays so until the end of the transaction, whoever else changes it.
select state
from recognitions
where organisation = :organisation and recognition = :recognition
for no key update;

-- name: set_recognition_state!
update recognitions
set state = :state
where organisation = :organisation and recognition = :recognition;

-- name: edit_recognition!
update recognitions
set
    amount = :amount, message = :message, purposes = :purposes, visibility = :visibility, edit_time = :edit_time
where organisation = :organisation and recognition = :recognition;

-- name: delete_recognition_people!
delete from recognition_people
where organisation = :organisation and recognition = :recognition;

-- name: list_recognitions
select
    organisation, recognition, giver, amount, message, purposes, visibility, state, create_time, edit_time, actor,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers,
    array(
        select transaction
        from recognition_movements as moved
        where
            moved.organisation = recognitions.organisation and moved.recognition = recognitions.recognition
            and moved.kind = 'given' and moved.amount > 0
        order by record_time, ordinal
    ) as transactions
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
    recognitions.create_time, edit_time, actor,
    array(
        select person
        from recognition_people as concerned
        where
            concerned.organisation = recognitions.organisation and concerned.recognition = recognitions.recognition
            and position > 0
        order by position
    ) as receivers,
    array(
        select transaction
        from recognition_movements as moved
        where
            moved.organisation = recognitions.organisation and moved.recognition = recognitions.recognition
            and moved.kind = 'given' and moved.amount > 0
        order by record_time, ordinal
    ) as transactions
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
