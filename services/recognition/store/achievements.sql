-- name: insert_achievement_source$
-- The id, or nothing where it is taken.
insert into achievement_sources (
    organisation, source, display_name, award_budget, daily_limit, monthly_limit, actor, create_time
)
values (:organisation, :source, :display_name, :award_budget, :daily_limit, :monthly_limit, :actor, :create_time)
on conflict do nothing
returning source;

-- name: find_achievement_source^
select organisation, source, display_name, award_budget, daily_limit, monthly_limit, create_time
from achievement_sources
where organisation = :organisation and source = :source;

-- name: lock_achievement_source^
-- Whoever else records for this source waits: its ids and its limits are decided one after another.
select
    organisation, source, display_name, award_budget, daily_limit, monthly_limit, create_time, given_day, given_of_day,
    given_of_month
from achievement_sources
where organisation = :organisation and source = :source
for no key update;

-- name: count_achievements!
update achievement_sources
set given_day = greatest(given_day, :day), given_of_day = :of_day, given_of_month = :of_month
where organisation = :organisation and source = :source;

-- name: insert_achievements!
insert into achievements (
    organisation, source, achievement, person, amount, description, payout, actor, record_time
)
select :organisation, :source, achievement, person, amount, description, payout, :actor, :record_time
from unnest(
    :achievements::text[], :people::text[], :amounts::bigint[], :descriptions::text[], :payouts::text[]
) as new_achievements (achievement, person, amount, description, payout);

-- name: find_achievements
select
    organisation, source, achievement, achievements.person, achievements.amount, description, payout, record_time,
    payouts.state as payout_state, transaction, refusal, wait_end_time
from achievements
join payouts using (organisation, payout)
where organisation = :organisation and source = :source and achievement = any(:achievements::text[]);

-- name: list_achievement_sources
select organisation, source, display_name, award_budget, daily_limit, monthly_limit, create_time
from achievement_sources
where organisation = :organisation and source > :after
order by source
limit :most;

-- name: list_achievements
select
    organisation, source, achievement, achievements.person, achievements.amount, description, payout, record_time,
    payouts.state as payout_state, transaction, refusal, wait_end_time
from achievements
join payouts using (organisation, payout)
where
    organisation = :organisation
    and (:source::text is null or source = :source)
    and (:person::text is null or achievements.person = :person)
    and (record_time, payout) < (:before_time::timestamptz, :before::text)
order by record_time desc, payout desc
limit :most;
