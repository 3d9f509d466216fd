-- name: taken_of_tranches
select tranche, sum(points)::bigint as points from tranche_returns
where program_no = :program_no and purchase_id = :purchase_id
group by tranche;

-- name: insert_tranche_returns!
insert into tranche_returns (program_no, purchase_id, return_id, tranche, points)
select :program_no, :purchase_id, :return_id, row.*
from unnest(:tranches::smallint[], :points::bigint[]) as row (tranche, points);

-- name: parts_of_tranches
select tranche, points from tranche_returns
where program_no = :program_no and purchase_id = :purchase_id and return_id = :return_id
order by tranche;

-- name: transactions_of_bonuses
select bonus_id, coalesce(transaction_id, '') as transaction_id from bonuses
where program_no = :program_no and bonus_id = any(:bonus_ids::text[]);
