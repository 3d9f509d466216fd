-- Programs' policies: the newest row of a program is in force.

-- name: policies_of
-- Of those programs that have any.
select p.program, newest.number, newest.limit_units, newest.adjustment_limits, newest.restored_lot_grace
from unnest(:programs::int[]) as p (program)
cross join lateral (
    select c.number, c.limit_units, c.adjustment_limits, c.restored_lot_grace
    from policy_changes c
    where c.shard = :shard and c.program = p.program and c.number <= :up_to
    order by c.number desc
    limit 1
) as newest;

-- name: policy_changes
-- The newest changes below a number, newest first.
select number, limit_units, adjustment_limits, restored_lot_grace, actor, record_time
from policy_changes
where shard = :shard and program = :program and number < :before
order by number desc
limit :limit;

-- name: insert_policy_change!
insert into policy_changes (
    shard, program, number, limit_units, adjustment_limits, restored_lot_grace, actor, record_time
) values (
    :shard, :program, :number, :limit_units, :adjustment_limits, :restored_lot_grace, :actor, :record_time
)
on conflict do nothing;
