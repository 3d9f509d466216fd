-- name: insert_book!
insert into rate_books (coalition, version, effective_time, publisher, publish_time)
values (:coalition, :version, :effective_time, :publisher, :publish_time);

-- name: insert_rates!
insert into rates (
    coalition, version, sender, receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold,
    bonus_points
)
select :coalition, :version, pair.*
from unnest(
    :senders::text[], :receivers::text[], :numerators::bigint[], :denominators::bigint[], :minimums::bigint[],
    :increments::bigint[], :maximums::bigint[], :bonus_thresholds::bigint[], :bonus_points::bigint[]
) as pair;

-- name: last_book^
select version, effective_time from rate_books where coalition = :coalition order by version desc limit 1;

-- name: find_book^
-- A book holds until the next one does.
select
    version, effective_time, publisher,
    (
        select min(later.effective_time) from rate_books as later
        where later.coalition = book.coalition and later.version > book.version
    ) as end_time
from rate_books as book
where coalition = :coalition and version = :version;

-- name: book_at^
select
    version, effective_time, publisher,
    (
        select min(later.effective_time) from rate_books as later
        where later.coalition = book.coalition and later.version > book.version
    ) as end_time
from rate_books as book
where coalition = :coalition and effective_time <= :time
order by version desc
limit 1;

-- name: find_rate^
select sender, receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold, bonus_points
from rates
where coalition = :coalition and version = :version and sender = :sender and receiver = :receiver;

-- name: rates_of_book
select sender, receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold, bonus_points
from rates
where coalition = :coalition and version = :version
order by sender, receiver;
