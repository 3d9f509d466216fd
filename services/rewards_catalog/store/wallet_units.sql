-- name: insert_wallet_unit!
insert into wallet_units (program, unit, currency) values (:program, :unit, :currency) on conflict do nothing;

-- name: currency_of_wallets$
select currency from wallet_units where program = :program and unit = :unit;
