-- name: insert_terms!
-- The next version; nothing where somebody else made it meanwhile.
insert into voucher_terms (
    program, reward, version, start_time, end_time, valid_for, cancellable, actor, create_time
)
select
    :program, :reward, coalesce(max(version), 0) + 1, :start_time, :end_time, :valid_for, :cancellable, :actor,
    :create_time
from voucher_terms
where program = :program and reward = :reward
on conflict do nothing;

-- name: find_terms^
-- Those that were in force at a time.
select start_time, end_time, valid_for, cancellable
from voucher_terms
where program = :program and reward = :reward and create_time <= :at
order by version desc
limit 1;

-- name: insert_voucher!
insert into vouchers (
    program, id, currency, value, balance, cancellable, start_time, end_time, state, create_time
)
values (
    :program, :id, :currency, :value, :value, :cancellable, :start_time, :end_time, 'ISSUED', :create_time
);

-- name: find_voucher_by_digest$
-- The voucher of a code. A code that was not issued has none.
select vouchers.id
from codes
join vouchers on vouchers.program = codes.program and vouchers.id = codes.redemption
where codes.program = :program and codes.digest = :digest;

-- name: lock_voucher$
-- Whoever uses it, or calls its redemption off, waits here.
select id from vouchers where program = :program and id = :id for no key update;

-- name: find_voucher^
select
    vouchers.program, vouchers.id, reward, reward_version, account, title, currency, vouchers.value, balance,
    cancellable, start_time, end_time, vouchers.state, vouchers.create_time
from vouchers
join redemptions on redemptions.program = vouchers.program and redemptions.id = vouchers.id
where vouchers.program = :program and vouchers.id = :id;

-- name: set_voucher!
update vouchers set balance = :balance, state = :state where program = :program and id = :id;

-- name: insert_use!
insert into voucher_uses (
    program, voucher, id, amount, balance, store, terminal, cashier, actor, create_time, undo_end_time
)
values (
    :program, :voucher, :id, :amount, :balance, :store, :terminal, :cashier, :actor, :create_time, :undo_end_time
);

-- name: find_use^
select
    id, amount, balance, store, terminal, cashier, actor, create_time, undo_end_time, undo_time, undo_store,
    undo_terminal, undo_cashier, undo_actor
from voucher_uses
where program = :program and voucher = :voucher and id = :id;

-- name: find_last_use^
-- The latest that was not undone.
select
    id, amount, balance, store, terminal, cashier, actor, create_time, undo_end_time, undo_time, undo_store,
    undo_terminal, undo_cashier, undo_actor
from voucher_uses
where program = :program and voucher = :voucher and undo_time is null
order by create_time desc, id desc
limit 1;

-- name: list_uses
select
    id, amount, balance, store, terminal, cashier, actor, create_time, undo_end_time, undo_time, undo_store,
    undo_terminal, undo_cashier, undo_actor
from voucher_uses
where program = :program and voucher = :voucher and (create_time, id) < (:before_time::timestamptz, :before_id::text)
order by create_time desc, id desc
limit :most;

-- name: undo_use!
update voucher_uses
set
    undo_time = :undo_time, undo_store = :undo_store, undo_terminal = :undo_terminal, undo_cashier = :undo_cashier,
    undo_actor = :undo_actor
where program = :program and voucher = :voucher and id = :id and undo_time is null;

-- name: count_lookup$
-- How many codes the caller has looked for in the minute; nothing where it had looked for as many as it may.
insert into lookups (program, caller, minute, count) values (:program, :caller, :minute, 1)
on conflict (program, caller) do update set
    minute = excluded.minute, count = case when lookups.minute = excluded.minute then lookups.count + 1 else 1 end
where lookups.minute <> excluded.minute or lookups.count < :most
returning count;

-- name: find_lookups$
select count from lookups where program = :program and caller = :caller and minute = :minute;
