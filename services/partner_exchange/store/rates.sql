-- name: insert_book!
insert into rate_books (
    coalition, version, state, effective_time, revaluation, review, publisher, publisher_person, publish_time
)
values (
    :coalition, :version, :state, :effective_time, :revaluation, :review, :publisher, :publisher_person, :publish_time
);

-- name: insert_rates!
insert into rates (
    coalition, version, sender, receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold,
    bonus_points, bonus_cap, bonus_period, points_fee, cash_fee, arrives_within_hours
)
select :coalition, :version, pair.*
from jsonb_to_recordset(:pairs::jsonb) as pair (
    sender text, receiver text, numerator bigint, denominator bigint, minimum bigint, increment bigint, maximum bigint,
    bonus_threshold bigint, bonus_points bigint, bonus_cap bigint, bonus_period text, points_fee jsonb, cash_fee jsonb,
    arrives_within_hours int
);

-- name: insert_promotions!
insert into promotions (
    coalition, version, sender, receiver, promotion, start_time, end_time, funder, numerator, denominator,
    bonus_threshold, bonus_points, bonus_cap, bonus_period
)
select :coalition, :version, promotion.*
from jsonb_to_recordset(:promotions::jsonb) as promotion (
    sender text, receiver text, promotion text, start_time timestamptz, end_time timestamptz, funder text,
    numerator bigint, denominator bigint, bonus_threshold bigint, bonus_points bigint, bonus_cap bigint,
    bonus_period text
);

-- name: insert_best_rates!
insert into best_rates (coalition, version, sender, receiver, best_version)
select :coalition, :version, best.*
from unnest(:senders::text[], :receivers::text[], :best_versions::int[]) as best;

-- name: decide_book!
update rate_books
set
    state = :state, effective_time = :effective_time, decider = :decider, decider_person = :decider_person,
    decide_time = :decide_time
where coalition = :coalition and version = :version and state = 'PROPOSED';

-- name: withdraw_book!
update rate_books
set state = 'WITHDRAWN', withdrawer = :withdrawer, withdraw_time = :withdraw_time
where coalition = :coalition and version = :version and state = 'PUBLISHED';

-- name: newest_versions^
-- The newest book of all, the newest of those that were ever published, and the newest of those that hold, held or will.
select
    coalesce(max(version), 0) as version,
    coalesce(max(version) filter (where state in ('PUBLISHED', 'WITHDRAWN')), 0) as published,
    coalesce(max(version) filter (where state = 'PUBLISHED' or withdraw_time > effective_time), 0) as held
from rate_books
where coalition = :coalition;

-- name: find_edition^
select book.version, book.effective_time, coalesce(held.end_time, book.withdraw_time) as end_time, book.withdraw_time
from rate_books as book
left join held_rate_books as held on held.coalition = book.coalition and held.version = book.version
where book.coalition = :coalition and book.version = :version;

-- name: edition_at^
-- The last book that began, although it may have been withdrawn since.
select version, effective_time, end_time, withdraw_time from held_rate_books
where coalition = :coalition and effective_time <= :time
order by version desc
limit 1;

-- name: find_record^
select
    book.version, book.state, book.effective_time, coalesce(held.end_time, book.withdraw_time) as end_time,
    book.withdraw_time, book.revaluation, book.review, book.publisher, book.publisher_person, book.decider
from rate_books as book
left join held_rate_books as held on held.coalition = book.coalition and held.version = book.version
where book.coalition = :coalition and book.version = :version;

-- name: list_records
select
    book.version, book.state, book.effective_time, coalesce(held.end_time, book.withdraw_time) as end_time,
    book.withdraw_time, book.revaluation, book.review, book.publisher, book.publisher_person, book.decider
from rate_books as book
left join held_rate_books as held on held.coalition = book.coalition and held.version = book.version
where book.coalition = :coalition and book.version < :before
order by book.version desc
limit :most;

-- name: find_rate^
select
    sender, receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold, bonus_points, bonus_cap,
    bonus_period, points_fee, cash_fee, arrives_within_hours, promotions
from rates_with_promotions
where coalition = :coalition and version = :version and sender = :sender and receiver = :receiver;

-- name: rates_of_book
select
    sender, receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold, bonus_points, bonus_cap,
    bonus_period, points_fee, cash_fee, arrives_within_hours, promotions
from rates_with_promotions
where coalition = :coalition and version = :version
order by sender, receiver;

-- name: best_rates_of_book
select
    best.best_version, best.sender, best.receiver, numerator, denominator, minimum, increment, maximum, bonus_threshold,
    bonus_points, bonus_cap, bonus_period, points_fee, cash_fee, arrives_within_hours, promotions
from best_rates as best
inner join rates_with_promotions as rates
    on
        rates.coalition = best.coalition and rates.version = best.best_version
        and rates.sender = best.sender and rates.receiver = best.receiver
where best.coalition = :coalition and best.version = :version;
