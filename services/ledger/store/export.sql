-- A program's journal, in the order of ids.

-- name: export_units
select unit, id, scale from units where program = :program order by unit;

-- name: export_accounts
select unit, kind, name from accounts
where shard = :shard and program = :program and name > :after
order by name
limit :limit;

-- name: export_postings
-- Of the transactions after an id up to another: what a program sees of them. An exchange may be owned by another one.
with posting as materialized (
    select id, id - ordinal as transaction, source, destination, amount
    from postings
    where shard = :shard and id > :after and id <= :last::bigint + :postings_max::int
      and id - ordinal > :after and id - ordinal <= :last
), account as materialized (
    select a.id, a.program, a.unit, a.kind, a.name
    from accounts a
    where a.shard = :shard and a.id = any(array(select source from posting union select destination from posting))
)
select t.id, t.kind, t.effective_time, t.record_time, t.actor, t.memo, t.reverses, p.amount, s.unit,
       s.kind as source_kind, s.name as source, d.kind as destination_kind, d.name as destination
from posting p
join account s on s.id = p.source and s.program = :program
join account d on d.id = p.destination
join transactions t on t.shard = :shard and t.id = p.transaction and t.id > :after and t.id <= :last
order by p.id;
