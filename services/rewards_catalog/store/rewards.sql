-- name: insert_reward!
insert into rewards (
    program, id, title, description, unit, price, fulfilment, limit_per_account, state, create_time
)
values (
    :program, :id, :title, :description, :unit, :price, :fulfilment, :limit_per_account, :state, :create_time
)
on conflict do nothing;

-- name: insert_stock!
insert into stock (program, reward, available) values (:program, :reward, :available);

-- name: find_reward^
select
    rewards.program, id, title, description, unit, price, fulfilment, limit_per_account, state,
    coalesce(available, 0) as available, create_time
from rewards
left join stock on stock.program = rewards.program and stock.reward = rewards.id
where rewards.program = :program and id = :id;

-- name: lock_reward$
-- Whoever changes a reward's state waits here; redemptions under way do not.
select state from rewards where program = :program and id = :id for no key update;

-- name: set_reward_state!
update rewards set state = :state where program = :program and id = :id;

-- name: list_rewards_on_offer
select
    rewards.program, id, title, description, unit, price, fulfilment, limit_per_account, state,
    coalesce(available, 0) as available, create_time
from rewards
left join stock on stock.program = rewards.program and stock.reward = rewards.id
where
    rewards.program = :program and unit = :unit and state = 'ACTIVE'
    and (price, id) > (:after_price::bigint, :after_id::text)
order by price, id
limit :most;
