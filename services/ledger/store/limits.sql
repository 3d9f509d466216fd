-- Credit limits: see docs/adr/0010.

-- name: lock_slices
-- Within a batch's transaction, after its members were locked. Those without a limit are locked too: one that is being
-- counted has none yet, and the posting must not be missed.
select account, credit_limit, available
from slices
where shard = :shard and account = any(:accounts::bigint[])
order by account
for no key update;

-- name: update_slices!
update slices s
set available = n.available
from unnest(:accounts::bigint[], :available::numeric[]) as n (account, available)
where s.shard = :shard and s.account = n.account;

-- name: insert_slice!
insert into slices (shard, account) values (:shard, :account) on conflict do nothing;

-- name: lock_slice^
select credit_limit, available from slices where shard = :shard and account = :account for no key update;

-- name: set_slice!
update slices
set credit_limit = :credit_limit, available = :available
where shard = :shard and account = :account;

-- name: left_of^
select credit_limit, available
from slices
where shard = :shard and account = :account and credit_limit is not null;

-- name: credit_limit_changes
-- The newest changes below a number, newest first.
select number, credit_limit, available, actor, reason, record_time
from credit_limit_changes
where shard = :shard and account = :account and number < :before::bigint
order by number desc
limit :limit;

-- name: insert_credit_limit_change!
insert into credit_limit_changes (shard, account, number, credit_limit, available, actor, reason, record_time)
values (:shard, :account, :number, :credit_limit, :available, :actor, :reason, :record_time)
on conflict do nothing;
