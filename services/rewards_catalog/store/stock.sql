-- name: take_piece$
-- How many are left; nothing where none was, or `most` (0: any number) were redeemed. Whoever else wants one waits for
-- this transaction's end.
update stock set available = available - 1, redeemed = redeemed + 1
where program = :program and reward = :reward and available > 0 and (:most::bigint = 0 or redeemed < :most)
returning available;

-- name: put_piece_back!
-- A stock that was filled to its limit meanwhile takes the piece back all the same: it is there.
update stock set available = available + 1 where program = :program and reward = :reward;

-- name: discount_redeemed!
update stock set redeemed = redeemed - 1 where program = :program and reward = :reward;

-- name: lock_stock^
select available, redeemed from stock where program = :program and reward = :reward for no key update;

-- name: add_pieces$
-- How many there are now; nothing where that would be too many.
update stock set available = available + :amount
where program = :program and reward = :reward and available + :amount <= :most
returning available;

-- name: count_taking$
-- How many redemptions of the reward the account has now; nothing where it had `most` (0: any number). Until this
-- transaction ends, others of this account and reward wait here.
insert into takings (program, reward, account, taken) values (:program, :reward, :account, 1)
on conflict (program, reward, account) do update set taken = takings.taken + 1 where :most::int = 0 or takings.taken < :most
returning taken;

-- name: find_taking$
select taken from takings where program = :program and reward = :reward and account = :account;

-- name: discount_taking!
update takings set taken = taken - 1 where program = :program and reward = :reward and account = :account;

-- name: insert_codes
-- The digests of the codes that the program did not have. Sorted, so that two imports do not deadlock.
insert into codes (program, reward, digest, key_id, sealed)
select :program, :reward, digest, key_id, sealed
from unnest(:digests::bytea[], :key_ids::text[], :sealed::bytea[]) as new_codes (digest, key_id, sealed)
order by digest
on conflict (program, digest) do nothing
returning digest;

-- name: take_code!
-- Run while this transaction holds the reward's stock row: a free code exists, and nobody else takes it.
update codes set redemption = :redemption
where id = (
    select id from codes
    where program = :program and reward = :reward and redemption is null
    order by id
    limit 1
);

-- name: put_code_back!
-- Only before it was issued: nobody has seen it.
update codes set redemption = null where program = :program and redemption = :redemption;

-- name: give_code!
insert into codes (program, reward, digest, key_id, sealed, redemption)
values (:program, :reward, :digest, :key_id, :sealed, :redemption)
on conflict (program, digest) do nothing;

-- name: find_code^
select digest, key_id, sealed from codes where program = :program and redemption = :redemption;
