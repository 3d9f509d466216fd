-- name: insert_delegation!
insert into delegations (organisation, delegation, approver, delegate, start_time, end_time, actor, create_time)
values (:organisation, :delegation, :approver, :delegate, :start_time, :end_time, :actor, :create_time);

-- name: find_delegation^
select organisation, delegation, approver, delegate, start_time, end_time
from delegations
where organisation = :organisation and delegation = :delegation;

-- name: end_delegation!
-- What would go on after `now` ends then, or with its start.
update delegations
set end_time = greatest(start_time, least(end_time, :now))
where organisation = :organisation and delegation = :delegation;

-- name: delegators
-- Who has named this person for this time, earliest first.
select approver
from delegations
where organisation = :organisation and delegate = :delegate and start_time <= :now and end_time > :now
order by create_time, delegation
limit 100;
