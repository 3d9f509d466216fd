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
select t.id, t.kind, t.effective_time, t.record_time, t.actor, t.memo, t.reverses, p.amount, s.unit,
       s.kind as source_kind, s.name as source, d.kind as destination_kind, d.name as destination
from postings p
join accounts s on s.shard = p.shard and s.id = p.source and s.program = :program
join accounts d on d.shard = p.shard and d.id = p.destination
join transactions t on t.shard = p.shard and t.id = p.id - p.ordinal
where p.shard = :shard and p.id > :after and p.id <= :last::bigint + :postings_max::int
  and p.id - p.ordinal > :after and p.id - p.ordinal <= :last
  and t.id > :after and t.id <= :last
order by p.id;
