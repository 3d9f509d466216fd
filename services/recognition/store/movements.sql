-- name: giving_accounts
-- The accounts of these people, between which points move.
select person, program, allowance_account, rewards_account
from people
join organisations using (organisation)
where organisation = :organisation and person = any(:people::text[]);

-- name: insert_movements!
insert into recognition_movements (
    organisation, recognition, change, ordinal, kind, giver, receiver, amount, transaction, record_time
)
select
    :organisation, recognition, change, ordinal, kind, giver, receiver, amount, transaction, :record_time
from unnest(
    :recognitions::text[], :changes::text[], :ordinals::smallint[], :kinds::text[], :givers::text[],
    :receivers::text[], :amounts::bigint[], :transactions::text[]
) as moved (recognition, change, ordinal, kind, giver, receiver, amount, transaction);
