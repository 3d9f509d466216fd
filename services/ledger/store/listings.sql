-- Pages of accounts, holds and transactions: each begins after a position that an index leads to.

-- name: accounts_of
select a.shard, a.id, a.program, a.unit, a.kind, a.name, a.create_time, a.outgoing, a.state, l.labels,
       s.credit_limit
from accounts a
left join account_labels l on l.shard = a.shard and l.account = a.id
left join slices s on s.shard = a.shard and s.account = a.id
where a.shard = :shard and a.program = :program and a.name > :after
  and (:kind::smallint = 0 or a.kind = :kind::smallint) and (:state::smallint = 0 or a.state = :state::smallint)
order by a.name
limit :limit;

-- name: system_accounts_of
select a.shard, a.id, a.program, a.unit, a.kind, a.name, a.create_time, a.outgoing, a.state, l.labels,
       s.credit_limit
from accounts a
left join account_labels l on l.shard = a.shard and l.account = a.id
left join slices s on s.shard = a.shard and s.account = a.id
where a.shard = :shard and a.program = :program and a.kind = :kind::smallint and a.kind <> 1 and a.name > :after
order by a.name
limit :limit;

-- name: accounts_not_open_of
select a.shard, a.id, a.program, a.unit, a.kind, a.name, a.create_time, a.outgoing, a.state, l.labels,
       s.credit_limit
from accounts a
left join account_labels l on l.shard = a.shard and l.account = a.id
left join slices s on s.shard = a.shard and s.account = a.id
where a.shard = :shard and a.program = :program and a.state = :state::smallint and a.state <> 1 and a.name > :after
order by a.name
limit :limit;

-- name: account_details^
select a.state, l.labels, s.credit_limit
from accounts a
left join account_labels l on l.shard = a.shard and l.account = a.id
left join slices s on s.shard = a.shard and s.account = a.id
where a.shard = :shard and a.id = :id;

-- name: insert_labels!
insert into account_labels (shard, account, labels)
select :shard::int, n.account, n.labels
from unnest(:accounts::bigint[], :labels::jsonb[]) as n (account, labels)
order by n.account
on conflict do nothing;

-- name: set_labels!
insert into account_labels (shard, account, labels)
values (:shard, :account, :labels)
on conflict (shard, account) do update set labels = excluded.labels;

-- name: erase_labels!
delete from account_labels where shard = :shard and account = :account;

-- name: active_holds_of
select id, account, amount, state, captured, lots, lot_amounts, expire_time, purpose, actor, record_time, resolve_time,
       id as position
from holds
where shard = :shard and account = :account and state = 1 and expire_time > :now and id < :before
order by id desc
limit :limit;

-- name: holds_of
-- By the events that placed them: an index of holds by account would cost every hold that is placed or resolved.
select h.id, h.account, h.amount, h.state, h.captured, h.lots, h.lot_amounts, h.expire_time, h.purpose, h.actor,
       h.record_time, h.resolve_time, e.version as position
from account_events e
join holds h on h.shard = e.shard and h.id = e.hold
where e.shard = :shard and e.account = :account and e.kind = 1 and e.version < :before
  and (:state::smallint = 0
       or :state::smallint = case when h.state = 1 and h.expire_time <= :now then 4 else h.state end)
order by e.version desc
limit :limit;

-- name: transactions_of
-- Among the newest `look` of the shard: an index by program would cost every posting. An exchange is its sender's
-- transaction and has postings of the receiver's program too, and so has its reversal.
select t.id, t.program, t.kind, t.postings, t.effective_time, t.record_time, t.actor, t.memo, t.reverses
from (
    select id, program, kind, postings, effective_time, record_time, actor, memo, reverses
    from transactions
    where shard = :shard and id < :before
    order by id desc
    limit :look
) as t
where t.record_time >= :since
  and (t.program = :program
       or (t.kind in (3, 8) and exists (
            select from postings p
            join accounts a on a.shard = :shard and a.id = p.source
            where p.shard = :shard and p.id >= t.id and p.id < t.id + t.postings and a.program = :program)))
order by t.id desc
limit :limit;

-- name: looked_until$
-- Where a look at `look` transactions ends; null where there are no more, or none any more that were recorded at
-- `ended` or later.
select case when record_time >= :ended then id end
from transactions
where shard = :shard and id < :before
order by id desc
offset :look - 1
limit 1;

-- name: postings_by_id
select id, ordinal, source, destination, amount, lots, lot_deltas
from postings
where shard = :shard and id = any(:ids::bigint[])
order by id;
