-- name: insert_review!
insert into reviews (organisation, change, deadline) values (:organisation, :change, :deadline);

-- name: find_review^
select state, transaction, reviewer, note, review_time, deadline
from reviews
where organisation = :organisation and change = :change;

-- name: reservations
-- The ledger's transactions that reserved what these changes gave.
select change, transaction
from reviews
where organisation = :organisation and change = any(:changes::text[]) and transaction <> '';

-- name: hold_review!
update reviews
set state = 'held', transaction = :transaction
where organisation = :organisation and change = :change and state = 'reserving';

-- name: decide_review$
-- The id, or nothing where it is not held.
update reviews
set state = :state, reviewer = :reviewer, actor = :actor, note = :note, review_time = :review_time
where organisation = :organisation and change = :change and state = 'held'
returning change;

-- name: turn_down_review!
-- What was approved, and what the ledger would not give.
update reviews
set state = 'rejected'
where organisation = :organisation and change = :change and state = 'approved';

-- name: reject_overdue_reviews
-- Rejects some that nobody decided about in time, longest ago first, and which nobody else is at.
with overdue as (
    select organisation, change
    from reviews
    where state = 'held' and deadline <= :now
    order by deadline
    limit :most
    for no key update skip locked
)
update reviews
set state = 'overdue', actor = '', review_time = :now
from overdue
where reviews.organisation = overdue.organisation and reviews.change = overdue.change
returning reviews.organisation, reviews.change, deadline;

-- name: outdate_reviews
-- Rejects the add-ons onto a recognition that wait, and are for others than these.
update reviews
set state = 'outdated', actor = :actor, review_time = :now
from recognition_changes as changes
where
    reviews.organisation = :organisation and reviews.state = 'held'
    and changes.organisation = reviews.organisation and changes.change = reviews.change
    and changes.recognition = :recognition and changes.kind = 'add_on' and changes.state = 'held'
    and not changes.receivers <@ :receivers::text[]
returning reviews.change;

-- name: reopen_changes!
-- Changes that were held are to be carried out, in the one way or the other.
update recognition_changes
set state = 'pending', due_time = :due_time
from unnest(:organisations::text[], :changes::text[]) as held (organisation, change)
where
    recognition_changes.organisation = held.organisation and recognition_changes.change = held.change
    and state = 'held';

-- name: list_reviews
-- But for what the viewer would receive, or was refused: who receives it learns of it once it is given. The giver of an add-on
-- may not see by now what it adds onto.
select
    reviews.number, reviews.state as review_state, reviews.transaction, reviewer, note, review_time, deadline,
    changes.organisation, changes.change, changes.recognition, changes.kind, changes.person, changes.giver, changes.receivers,
    changes.amounts, changes.policy, changes.before, changes.after, changes.state, changes.refusal,
    changes.available_amount, changes.actor, changes.create_time,
    case
        when
            reviews.state = 'held'
            and (
                :giver::text is null
                or changes.kind = 'create'
                or exists (
                    select
                    from seen_recognitions(:giver::text) as seen
                    where seen.organisation = changes.organisation and seen.recognition = changes.recognition
                )
            )
            then message
        else ''
    end as message
from reviews
join recognition_changes as changes on changes.organisation = reviews.organisation and changes.change = reviews.change
join recognitions
    on recognitions.organisation = changes.organisation and recognitions.recognition = changes.recognition
where
    reviews.organisation = :organisation
    and reviews.state <> 'reserving'
    and (:state::text is null or reviews.state = :state::text)
    and (:giver::text is null or changes.giver = :giver::text)
    and (:change::text is null or reviews.change = :change::text)
    and (:viewer::text is null or reviews.state = 'approved' or :viewer::text <> all(changes.receivers))
    and reviews.number < :before
order by reviews.number desc
limit :most;
