-- name: insert_recognition!
insert into recognitions (
    organisation, recognition, giver, amount, message, purposes, visibility, mentioned, named_teams, actor, create_time
)
values (
    :organisation, :recognition, :giver, :amount, :message, :purposes, :visibility, :mentioned, :named_teams, :actor,
    :create_time
);

-- name: insert_recognition_people!
insert into recognition_people (organisation, recognition, person, position, create_time)
select :organisation, :recognition, person, ordinality - 1, :create_time
from unnest(:people::text[]) with ordinality as concerned (person, ordinality);

-- name: insert_recognition_teams!
-- Those that are named, or else those of the receivers.
insert into recognition_teams (organisation, recognition, team, create_time)
select :organisation, :recognition, team, :create_time
from (
    select team from unnest(:named::text[]) as team
    union
    select team
    from team_people
    where organisation = :organisation and person = any(:receivers::text[]) and cardinality(:named::text[]) = 0
) as said_to;

-- name: delete_recognition_teams!
delete from recognition_teams
where organisation = :organisation and recognition = :recognition;

-- name: find_recognition^
select *
from recognition_details
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
    amount = :amount, message = :message, purposes = :purposes, visibility = :visibility, mentioned = :mentioned,
    edit_time = :edit_time
where organisation = :organisation and recognition = :recognition;

-- name: delete_recognition_people!
delete from recognition_people
where organisation = :organisation and recognition = :recognition;

-- name: list_recognitions
select *
from feed_page(
    :viewer::text, :organisation::text, :purpose::text, :since::timestamptz, :before_time::timestamptz, :before::text,
    :most::bigint
);

-- name: list_recognitions_of
-- The same for one giver or receiver, found by the index of whom recognitions concern, and perhaps a second one.
select seen.*
from recognition_people as of_person
join seen_recognitions(:viewer::text) as seen using (organisation, recognition)
where
    of_person.organisation = :organisation
    and of_person.person = :person
    and (:gave::boolean is null or (of_person.position = 0) = :gave)
    and (of_person.create_time, of_person.recognition) < (:before_time::timestamptz, :before::text)
    and of_person.create_time >= :since::timestamptz
    and (:purpose::text is null or :purpose::text = any(seen.purposes))
    and (
        :receiver::text is null
        or exists (
            select
            from recognition_people as second
            where
                second.organisation = seen.organisation and second.recognition = seen.recognition
                and second.person = :receiver::text and second.position > 0
        )
    )
    and (
        :team::text is null
        or exists (
            select
            from recognition_teams as said_to
            where
                said_to.organisation = seen.organisation and said_to.recognition = seen.recognition
                and said_to.team = :team::text
        )
    )
order by of_person.create_time desc, of_person.recognition desc
limit :most;

-- name: list_recognitions_to
-- The same for one team, found by the index of what was said to it.
select seen.*
from recognition_teams as to_team
join seen_recognitions(:viewer::text) as seen using (organisation, recognition)
where
    to_team.organisation = :organisation
    and to_team.team = :team
    and (to_team.create_time, to_team.recognition) < (:before_time::timestamptz, :before::text)
    and to_team.create_time >= :since::timestamptz
    and (:purpose::text is null or :purpose::text = any(seen.purposes))
order by to_team.create_time desc, to_team.recognition desc
limit :most;

-- name: search_recognitions
-- The same for the words of a message, all of which are to be in it, and what else is asked for.
select seen.*
from seen_recognitions(:viewer::text) as seen
where
    seen.organisation = :organisation
    and to_tsvector('simple', seen.message) @@ plainto_tsquery('simple', :words::text)
    and (seen.create_time, seen.recognition) < (:before_time::timestamptz, :before::text)
    and seen.create_time >= :since::timestamptz
    and (:purpose::text is null or :purpose::text = any(seen.purposes))
    and (
        :person::text is null
        or exists (
            select
            from recognition_people as of_person
            where
                of_person.organisation = seen.organisation and of_person.recognition = seen.recognition
                and of_person.person = :person::text
                and (:gave::boolean is null or (of_person.position = 0) = :gave)
        )
    )
    and (
        :receiver::text is null
        or exists (
            select
            from recognition_people as second
            where
                second.organisation = seen.organisation and second.recognition = seen.recognition
                and second.person = :receiver::text and second.position > 0
        )
    )
    and (
        :team::text is null
        or exists (
            select
            from recognition_teams as to_team
            where
                to_team.organisation = seen.organisation and to_team.recognition = seen.recognition
                and to_team.team = :team::text
        )
    )
order by seen.create_time desc, seen.recognition desc
limit :most;
