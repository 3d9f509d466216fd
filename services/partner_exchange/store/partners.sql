-- name: insert_coalition!
insert into coalitions (
    coalition, display_name, currency, time_zone, actor, create_time, rate_move_numerator, rate_move_denominator
)
values (
    :coalition, :display_name, :currency, :time_zone, :actor, :create_time, :rate_move_numerator, :rate_move_denominator
)
on conflict do nothing;

-- name: find_coalition^
select coalition, display_name, currency, time_zone, create_time, rate_move_numerator, rate_move_denominator
from coalitions
where coalition = :coalition;

-- name: lock_coalition^
select coalition, display_name, currency, time_zone, create_time, rate_move_numerator, rate_move_denominator
from coalitions
where coalition = :coalition
for no key update;

-- name: insert_partner!
insert into partners (
    partner, coalition, display_name, program, unit, target, price_numerator, price_denominator,
    received_lifetime_days, state, actor, create_time
)
values (
    :partner, :coalition, :display_name, :program, :unit, :target, :price_numerator, :price_denominator,
    :received_lifetime_days, :state, :actor, :create_time
)
on conflict do nothing;

-- name: find_partners
select
    partner, coalition, display_name, program, unit, target, price_numerator, price_denominator,
    received_lifetime_days, state, resumed, leave_time,
    create_time
from partners
where partner = any(:partners::text[]);

-- name: partners_of_coalition
select
    partner, coalition, display_name, program, unit, target, price_numerator, price_denominator,
    received_lifetime_days, state, resumed, leave_time,
    create_time
from partners
where coalition = :coalition;

-- name: lock_partner^
select
    partner, coalition, display_name, program, unit, target, price_numerator, price_denominator,
    received_lifetime_days, state, resumed, leave_time,
    create_time
from partners
where partner = :partner
for no key update;

-- name: hold_partners
-- They stay in their states until the transaction ends: who leaves waits, and then sees what was begun.
select
    partner, coalition, display_name, program, unit, target, price_numerator, price_denominator,
    received_lifetime_days, state, resumed, leave_time,
    create_time
from partners
where partner = any(:partners::text[])
order by partner
for share;

-- name: keys_of_partner
select key, algorithm, jwk, create_time, retire_time
from partner_keys
where partner = :partner
order by create_time desc, key;

-- name: insert_key!
insert into partner_keys (partner, key, algorithm, jwk, create_time)
values (:partner, :key, :algorithm, :jwk, :create_time)
on conflict do nothing;

-- name: retire_key!
update partner_keys set retire_time = :retire_time where partner = :partner and key = :key and retire_time is null;

-- name: set_standing!
update partners set state = :state, resumed = :resumed, leave_time = :leave_time where partner = :partner;
