-- name: insert_delegation!
insert into delegations (organisation, delegation, approver, delegate, start_time, end_time, actor, create_time)
values (:organisation, :delegation, :approver, :delegate, :start_time, :end_time, :actor, :create_time);

-- name: find_delegation^
select organisation, delegation, approver, delegate, start_time, end_time, create_time
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

-- name: list_delegations
-- Of what somebody has a part in, if that is asked for, and of these what else is.
select organisation, delegation, approver, delegate, start_time, end_time, create_time
from delegations
where
    organisation = :organisation
    and (:viewer::text is null or approver = :viewer or delegate = :viewer)
    and (:approver::text is null or approver = :approver)
    and (:delegate::text is null or delegate = :delegate)
    and (:not_ended_at::timestamptz is null or end_time > :not_ended_at)
    and (create_time, delegation) < (:before_time::timestamptz, :before::text)
order by create_time desc, delegation desc
limit :most;
