-- The hash chain: what a block seals, and the blocks.

-- name: block_end$
-- The transaction of PostgreSQL with which the next block ends: it has at least `limit` postings and events, or all
-- that is below the horizon. Null where there is nothing.
select xid::text::bigint from (
    (select xid from postings
     where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :horizon::bigint::text::xid8
     order by xid limit :limit)
    union all
    (select xid from account_events
     where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :horizon::bigint::text::xid8
     order by xid limit :limit)
    union all
    (select xid from books_changes
     where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :horizon::bigint::text::xid8
     order by xid limit :limit)
    union all
    (select xid from policy_changes
     where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :horizon::bigint::text::xid8
     order by xid limit :limit)
    union all
    (select xid from credit_limit_changes
     where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :horizon::bigint::text::xid8
     order by xid limit :limit)
    order by xid limit :limit
) as next
order by xid desc
limit 1;

-- name: block_ids^
-- The range of ids of a block's postings and of the lots that they made; what lies in it belongs to the block or to a
-- neighbour. Nulls where there are no postings.
select min(id) as first_id,
       greatest(max(id), max(case when lots is not null then (select max(lot) from unnest(lots) as lot) end)) as last_id
from postings
where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :end_xid::bigint::text::xid8;

-- name: leaves^
-- One leaf for each transaction, one for each account event, one for each change of books, of policies or of a credit
-- limit, and one for each system account that the postings touch, in order: sha256 of the rows in the binary form of
-- PostgreSQL. A member account is sealed with its first change, a program and a unit with each system account: points
-- come from one.
with made as (
    select l.posting,
           string_agg(record_send(row(l.id, l.amount, coalesce(l.first_expire_time, l.expire_time),
                                      coalesce(l.first_available_time, l.available_time), l.record_time, l.budget)),
                      ''::bytea order by l.id) as sealed
    from lots l
    where l.shard = :shard and l.id >= :first_id and l.id <= :last_id
    group by l.posting
), posting as materialized (
    select p.id, p.id - p.ordinal as transaction, p.source, p.destination, p.source_version, p.destination_version,
           record_send(row(p.id, p.source, p.destination, p.amount, p.source_version, p.source_posted,
                           p.destination_version, p.destination_posted, p.lots, p.lot_deltas, p.source_debt_delta,
                           p.destination_debt_delta, p.hold, m.sealed,
                           case when p.source_version = 1 then (
                               select record_send(row(s.program, s.unit, s.name, s.create_time))
                               from accounts s where s.shard = :shard and s.id = p.source) end,
                           case when p.destination_version = 1 then (
                               select record_send(row(d.program, d.unit, d.name, d.create_time))
                               from accounts d where d.shard = :shard and d.id = p.destination) end
           )) as sealed
    from postings p
    left join made m on m.posting = p.id
    where p.shard = :shard and p.id >= :first_id and p.id <= :last_id
      and p.xid >= :first_xid::bigint::text::xid8 and p.xid < :end_xid::bigint::text::xid8
), posted as (
    select transaction, string_agg(sealed, ''::bytea order by id) as sealed from posting group by transaction
), transaction_leaf as (
    select p.transaction as id, t.program,
           sha256(record_send(row(t.id, t.program, t.kind, t.postings, t.effective_time, t.record_time, t.actor,
                                  t.reverses,
                                  coalesce(t.memo_digest, sha256(t.memo_salt || convert_to(t.memo, 'UTF8')))))
                  || p.sealed) as leaf
    from posted p
    left join transactions t
        on t.shard = :shard and t.id = p.transaction and t.id >= :first_id and t.id <= :last_id
), event_leaf as (
    select e.account, e.version,
           sha256(record_send(row(e.account, e.version, e.kind, e.hold, e.held_delta, e.lots, e.lot_deltas,
                                  e.debt_delta, e.actor, e.record_time, e.expire_time, e.expire_times_before,
                                  case when e.kind = 1 then (
                                      select record_send(row(h.account, h.amount, h.lots, h.lot_amounts, h.expire_time))
                                      from holds h where h.shard = :shard and h.id = e.hold) end,
                                  case when e.version = 1 then (
                                      select record_send(row(a.program, a.unit, a.name, a.create_time))
                                      from accounts a where a.shard = :shard and a.id = e.account) end))) as leaf
    from account_events e
    where e.shard = :shard and e.xid >= :first_xid::bigint::text::xid8 and e.xid < :end_xid::bigint::text::xid8
), books_leaf as (
    select b.program, b.number,
           sha256(record_send(row(b.program, b.number, b.close_time, b.actor, b.person, b.reason, b.record_time))) as leaf
    from books_changes b
    where b.shard = :shard and b.xid >= :first_xid::bigint::text::xid8 and b.xid < :end_xid::bigint::text::xid8
), policy_leaf as (
    select c.program, c.number,
           sha256(record_send(row(c.program, c.number, c.limit_units, c.adjustment_limits,
                                  extract(epoch from c.restored_lot_grace)::bigint, c.actor, c.record_time))) as leaf
    from policy_changes c
    where c.shard = :shard and c.xid >= :first_xid::bigint::text::xid8 and c.xid < :end_xid::bigint::text::xid8
), limit_leaf as (
    select c.account, c.number,
           sha256(record_send(row(c.account, c.number, c.credit_limit, c.available, c.actor, c.reason, c.record_time)))
               as leaf
    from credit_limit_changes c
    where c.shard = :shard and c.xid >= :first_xid::bigint::text::xid8 and c.xid < :end_xid::bigint::text::xid8
), system_leaf as (
    select n.id, sha256(coalesce((
               select record_send(row(a.id, a.program, a.unit, a.kind, a.name, a.create_time,
                                      (select record_send(row(g.id, g.time_zone, g.shard, g.create_time))
                                       from programs g where g.program = a.program),
                                      (select record_send(row(u.id, u.scale))
                                       from units u where u.program = a.program and u.unit = a.unit)))
               from accounts a where a.shard = :shard and a.id = n.id), ''::bytea)) as leaf
    from (select source as id from posting where source_version is null
          union select destination from posting where destination_version is null) as n
)
select t.ids, t.programs, e.accounts, e.versions, b.books, p.policies, l.limits, s.systems,
       coalesce(t.leaves, ''::bytea) || coalesce(e.leaves, ''::bytea) || coalesce(b.leaves, ''::bytea)
           || coalesce(p.leaves, ''::bytea) || coalesce(l.leaves, ''::bytea) || coalesce(s.leaves, ''::bytea) as leaves
from (select array_agg(id order by id) as ids, array_agg(program order by id) as programs,
             string_agg(leaf, ''::bytea order by id) as leaves
      from transaction_leaf) as t,
     (select array_agg(account order by account, version) as accounts,
             array_agg(version order by account, version) as versions,
             string_agg(leaf, ''::bytea order by account, version) as leaves
      from event_leaf) as e,
     (select array_agg(program order by program, number) as books,
             string_agg(leaf, ''::bytea order by program, number) as leaves
      from books_leaf) as b,
     (select array_agg(program order by program, number) as policies,
             string_agg(leaf, ''::bytea order by program, number) as leaves
      from policy_leaf) as p,
     (select array_agg(account order by account, number) as limits,
             string_agg(leaf, ''::bytea order by account, number) as leaves
      from limit_leaf) as l,
     (select array_agg(id order by id) as systems, string_agg(leaf, ''::bytea order by id) as leaves
      from system_leaf) as s;

-- name: postings_between$
-- By the transactions of PostgreSQL alone, wherever their ids lie.
select count(*) from postings
where shard = :shard and xid >= :first_xid::bigint::text::xid8 and xid < :end_xid::bigint::text::xid8;

-- name: last_seal^
select block, end_xid::text::bigint as end_xid, hash from seals where shard = :shard order by block desc limit 1;

-- name: horizon^
-- Below `below` nothing can still commit. A statement of its own: what it says of the past holds for later ones.
select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as below, clock_timestamp() as now;

-- name: start_sealer!
insert into sealers (shard) values (:shard) on conflict do nothing;

-- name: lock_sealer$
select shard from sealers where shard = :shard for update skip locked;

-- name: insert_seal!
insert into seals (shard, block, first_xid, end_xid, first_id, last_id, transactions, postings, events, seal_time,
                   previous, hash, marks)
values (:shard, :block, :first_xid::bigint::text::xid8, :end_xid::bigint::text::xid8, :first_id, :last_id,
        :transactions, :postings, :events, :seal_time, :previous, :hash, :marks)
on conflict do nothing;

-- name: seals_after
select block, first_xid::text::bigint as first_xid, end_xid::text::bigint as end_xid, first_id, last_id, transactions,
       postings, events, seal_time, previous, hash, marks
from seals
where shard = :shard and block > :after
order by block
limit :limit;
