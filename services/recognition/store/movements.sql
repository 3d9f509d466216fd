-- name: giving_accounts
-- The accounts of these people, between which points move.
select person, program, allowance_account, rewards_account
from people
join organisations using (organisation)
where organisation = :organisation and person = any(:people::text[]);

-- name: insert_movements!
insert into recognition_movements (
    organisation, recognition, change, ordinal, kind, giver, receiver, amount, gift_change, gift_ordinal, wanted, posts,
    transaction, record_time
)
select
    :organisation, recognition, change, ordinal, kind, giver, receiver, amount, gift_change, gift_ordinal, wanted,
    posts, transaction, :record_time
from unnest(
    :recognitions::text[], :changes::text[], :ordinals::smallint[], :kinds::text[], :givers::text[],
    :receivers::text[], :amounts::bigint[], :gift_changes::text[], :gift_ordinals::smallint[], :wanteds::bigint[], :posts::smallint[],
    :transactions::text[]
) as moved (
    recognition, change, ordinal, kind, giver, receiver, amount, gift_change, gift_ordinal, wanted, posts, transaction
);

-- name: list_gifts
-- The gifts of a recognition, oldest first, less what was taken back of them.
select
    given.change, given.ordinal, given.kind, given.giver, given.receiver, given.transaction,
    (given.amount + coalesce(sum(taken.amount), 0))::bigint as left,
    (given.posts + coalesce(sum(taken.posts), 0))::smallint as posts
from recognition_movements as given
left join recognition_movements as taken
    on
        taken.organisation = given.organisation and taken.recognition = given.recognition
        and taken.gift_change = given.change and taken.gift_ordinal = given.ordinal
where given.organisation = :organisation and given.recognition = :recognition and given.amount > 0
group by given.organisation, given.recognition, given.change, given.ordinal
order by given.record_time, given.change, given.ordinal;

-- name: list_taken
-- What one change took back.
select giver, receiver, wanted, -amount as recovered
from recognition_movements
where organisation = :organisation and recognition = :recognition and change = :change and gift_change is not null
order by ordinal;
