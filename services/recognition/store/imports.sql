-- name: rewards_accounts
-- Of those of the people that exist, leavers among them.
select person, rewards_account
from people
where organisation = :organisation and person = any(:people::text[]);

-- name: reserve_external_ids
-- Those that were free. Whoever imports the same at the same time waits for the end of this transaction.
insert into imported_recognitions (organisation, external_id, recognition, digest)
select :organisation, external_id, recognition, digest
from unnest(:external_ids::text[], :recognitions::text[], :digests::bytea[])
    as imported (external_id, recognition, digest)
order by external_id
on conflict do nothing
returning external_id;

-- name: find_external_ids
select external_id, digest
from imported_recognitions
where organisation = :organisation and external_id = any(:external_ids::text[]);

-- name: release_external_ids!
delete from imported_recognitions
where organisation = :organisation and external_id = any(:external_ids::text[]);

-- name: insert_import_chunk!
insert into import_chunks (
    organisation, chunk, state, content, already_imported, refusals, actor, create_time, due_time
)
values (
    :organisation, :chunk, :state, :content, :already_imported, :refusals, :actor, :create_time, :due_time
);

-- name: find_import_chunk^
select organisation, chunk, state, content, imported, already_imported, refusals, actor
from import_chunks
where organisation = :organisation and chunk = :chunk;

-- name: claim_import_chunk$
-- The id, if it is due and was not taken by another worker; it is then put off until the lease ends.
update import_chunks
set due_time = :lease_time
where organisation = :organisation and chunk = :chunk and state = 'pending' and due_time <= :now
returning chunk;

-- name: claim_import_chunks
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, chunk
    from import_chunks
    where state = 'pending' and due_time <= :now
    order by due_time
    limit :most
    for update skip locked
)
update import_chunks
set due_time = :lease_time, attempts = attempts + 1
from due
where import_chunks.organisation = due.organisation and import_chunks.chunk = due.chunk
returning import_chunks.organisation, import_chunks.chunk, import_chunks.attempts;

-- name: put_off_import_chunk!
update import_chunks
set due_time = :due_time
where organisation = :organisation and chunk = :chunk and state = 'pending';

-- name: settle_import_chunk$
-- The id, or nothing where somebody else has settled it.
update import_chunks
set state = 'settled', content = null, imported = :imported, refusals = refusals || :refusals
where organisation = :organisation and chunk = :chunk and state = 'pending'
returning chunk;

-- name: insert_imported_recognitions!
insert into recognitions (
    organisation, recognition, giver, amount, message, purposes, visibility, named_teams, state, actor, create_time
)
select
    :organisation, recognition, giver, amount, message, purposes, visibility, coalesce(named_teams, '{}'), 'posted',
    :actor, give_time
from jsonb_to_recordset(:rows) as imported (
    recognition text, giver text, amount bigint, message text, purposes text[], visibility text, named_teams text[],
    give_time timestamptz
);

-- name: insert_imported_people!
insert into recognition_people (organisation, recognition, person, position, create_time)
select :organisation, recognition, person, ordinality - 1, give_time
from jsonb_to_recordset(:rows) as imported (recognition text, giver text, receivers text[], give_time timestamptz)
cross join unnest(giver || receivers) with ordinality as concerned (person, ordinality);

-- name: insert_imported_teams!
insert into recognition_teams (organisation, recognition, team, create_time)
select distinct :organisation, recognition, team, give_time
from jsonb_to_recordset(:rows) as imported (recognition text, named_teams text[], give_time timestamptz)
cross join unnest(named_teams) as team;
