-- name: insert_resolution^
insert into resolutions (
    exchange, reversal, number, state, outcome, reason, proposer, proposer_person, propose_time
)
select
    :exchange::text, :reversal::text, coalesce(max(number), 0) + 1, :state::text, :outcome::text, :reason::text, :proposer::text,
    :proposer_person::text, :propose_time::timestamptz
from resolutions
where exchange = :exchange
returning number;

-- name: find_resolution^
select
    r.number, r.exchange, r.reversal, e.sender, r.state, r.outcome, r.reason, r.proposer, r.proposer_person, r.propose_time,
    r.approver, r.approver_person, r.approve_time,
    (select max(number) from resolutions as later where later.exchange = r.exchange) as newest
from resolutions as r inner join exchanges as e on e.exchange = r.exchange
where r.exchange = :exchange and r.number = :number;

-- name: approve_resolution!
update resolutions
set approver = :approver, approver_person = :approver_person, approve_time = :approve_time
where exchange = :exchange and number = :number and approver is null;
