-- name: insert_reward!
insert into rewards (
    program, id, version, title, description, localizations, titles, image_uri, category, terms, kind, kind_details,
    unit, price, cash, min_points, step_points, step_cash, cash_currency, tiers, segments, fulfilment, provider, limit_per_account,
    limit_per_period, limit_period, limit_in_all, refund_policy, refund_days, start_time, end_time, time_zone, state,
    create_time, update_time
)
values (
    :program, :id, 1, :title, :description, :localizations, :titles, :image_uri, :category, :terms, :kind, :kind_details,
    :unit, :price, :cash, :min_points, :step_points, :step_cash, :cash_currency, :tiers, :segments, :fulfilment, :provider, :limit_per_account, :limit_per_period, :limit_period, :limit_in_all, :refund_policy,
    :refund_days, :start_time, :end_time, :time_zone, :state, :create_time, :update_time
)
on conflict do nothing;

-- name: insert_stock!
insert into stock (program, reward, available) values (:program, :reward, :available);

-- name: find_reward^
select * from stocked_rewards where program = :program and id = :id;

-- name: find_reward_version^
-- As it was then; its state and what is left are those of now.
select
    was.program, id, version, title, description, localizations, titles, image_uri, category, terms, kind, kind_details,
    unit, price, cash, min_points, step_points, step_cash, cash_currency, tiers, segments, fulfilment, provider, limit_per_account,
    limit_per_period, limit_period, limit_in_all, refund_policy, refund_days, start_time, end_time, time_zone,
    (select state from rewards where program = :program and id = :id) as state,
    coalesce(available, 0) as available, coalesce(redeemed, 0) as redeemed, create_time, update_time
from reward_versions as was
left join stock on stock.program = was.program and stock.reward = was.id
where was.program = :program and was.id = :id and was.version = :version;

-- name: lock_reward$
-- Whoever changes a reward waits here; redemptions under way do not.
select state from rewards where program = :program and id = :id for no key update;

-- name: set_reward_state!
update rewards set state = :state where program = :program and id = :id;

-- name: revise_reward!
-- The next version of a reward that is locked; the database keeps the one before.
update rewards
set
    version = :version, title = :title, description = :description, localizations = :localizations,
    titles = :titles,
    image_uri = :image_uri, category = :category, terms = :terms, price = :price, cash = :cash,
    min_points = :min_points, step_points = :step_points, step_cash = :step_cash, cash_currency = :cash_currency,
    tiers = :tiers, segments = :segments, limit_per_account = :limit_per_account,
    limit_per_period = :limit_per_period, limit_period = :limit_period, limit_in_all = :limit_in_all,
    refund_policy = :refund_policy, refund_days = :refund_days, provider = :provider,
    start_time = :start_time, end_time = :end_time, update_time = :update_time
where program = :program and id = :id;

-- name: list_cheapest_rewards
select * from stocked_rewards
where
    program = :program and unit = :unit and state = 'ACTIVE' and (price, id) > (:after::bigint, :after_id::text)
    and price between :min_price::bigint and :max_price::bigint and min_points <= :most_points::bigint
    and (tiers = '{}' or tiers && :tiers::text[]) and (segments = '{}' or segments && :segments::text[])
    and (start_time is null or start_time <= :now) and (end_time is null or end_time > :now)
    and (:category = '' or category = :category) and (:title_part = '' or strpos(titles, :title_part) > 0)
    and (cardinality(:kinds::text[]) = 0 or kind = any(:kinds))
order by price, id
limit :most;

-- name: list_dearest_rewards
select * from stocked_rewards
where
    program = :program and unit = :unit and state = 'ACTIVE' and (price, id) < (:after::bigint, :after_id::text)
    and price between :min_price::bigint and :max_price::bigint and min_points <= :most_points::bigint
    and (tiers = '{}' or tiers && :tiers::text[]) and (segments = '{}' or segments && :segments::text[])
    and (start_time is null or start_time <= :now) and (end_time is null or end_time > :now)
    and (:category = '' or category = :category) and (:title_part = '' or strpos(titles, :title_part) > 0)
    and (cardinality(:kinds::text[]) = 0 or kind = any(:kinds))
order by price desc, id desc
limit :most;

-- name: list_newest_rewards
select * from stocked_rewards
where
    program = :program and unit = :unit and state = 'ACTIVE' and (create_time, id) < (:after::timestamptz, :after_id::text)
    and price between :min_price::bigint and :max_price::bigint and min_points <= :most_points::bigint
    and (tiers = '{}' or tiers && :tiers::text[]) and (segments = '{}' or segments && :segments::text[])
    and (start_time is null or start_time <= :now) and (end_time is null or end_time > :now)
    and (:category = '' or category = :category) and (:title_part = '' or strpos(titles, :title_part) > 0)
    and (cardinality(:kinds::text[]) = 0 or kind = any(:kinds))
order by create_time desc, id desc
limit :most;
