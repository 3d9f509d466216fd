-- name: insert_dispute!
insert into disputes (
    dispute, exchange, coalition, opener, respondent, claim, state, answer_deadline, actor, create_time
)
values (
    :dispute, :exchange, :coalition, :opener, :respondent, :claim, 'OPEN', :answer_deadline, :actor, :create_time
)
on conflict (exchange) where state in ('OPEN', 'ANSWERED', 'RESOLVING') do nothing;

-- name: find_dispute^
select
    dispute, exchange, coalition, opener, respondent, claim, state, answer_deadline, answer, answer_time, outcome,
    ruling, reversal, payer, amount, create_time, end_time
from disputes
where dispute = :dispute;

-- name: lock_dispute^
select
    dispute, exchange, coalition, opener, respondent, claim, state, answer_deadline, answer, answer_time, outcome,
    ruling, reversal, payer, amount, create_time, end_time
from disputes
where dispute = :dispute
for no key update;

-- name: answer_dispute!
update disputes set state = 'ANSWERED', answer = :answer, answer_time = :answer_time where dispute = :dispute;

-- name: withdraw_dispute!
update disputes set state = 'WITHDRAWN', end_time = :end_time where dispute = :dispute;

-- name: reject_dispute!
update disputes
set state = 'RESOLVED', outcome = 'REJECTED', ruling = :ruling, resolver = :resolver, end_time = :end_time
where dispute = :dispute;

-- name: adjust_dispute!
-- With the window that is open, and stays so until this is committed.
update disputes
set
    state = 'RESOLVED', outcome = 'ADJUSTED', ruling = :ruling, resolver = :resolver, end_time = :end_time,
    payer = :payer, payee = :payee, amount = :amount, settlement_window = open_window(coalition)
where dispute = :dispute;

-- name: begin_resolving!
update disputes set state = 'RESOLVING', ruling = :ruling, resolver = :resolver, reversal = :reversal
where dispute = :dispute;

-- name: lock_dispute_of^
-- The dispute that waits for a reversal.
select
    dispute, exchange, coalition, opener, respondent, claim, state, answer_deadline, answer, answer_time, outcome,
    ruling, reversal, payer, amount, create_time, end_time
from disputes
where reversal = :reversal and state = 'RESOLVING'
for no key update;

-- name: reversed_dispute!
update disputes set state = 'RESOLVED', outcome = 'REVERSED', end_time = :end_time
where dispute = :dispute;

-- name: not_reversed_dispute!
update disputes
set
    state = case when answer_time is null then 'OPEN' else 'ANSWERED' end, ruling = '', resolver = null, reversal = null
where dispute = :dispute;

-- name: list_disputes
select
    dispute, exchange, coalition, opener, respondent, claim, state, answer_deadline, answer, answer_time, outcome,
    ruling, reversal, payer, amount, create_time, end_time
from disputes
where
    (opener = :partner or respondent = :partner)
    and (create_time, dispute) < (:before_time::timestamptz, :before_dispute::text)
order by create_time desc, dispute desc
limit :most;

-- name: list_open_disputes
select
    dispute, exchange, coalition, opener, respondent, claim, state, answer_deadline, answer, answer_time, outcome,
    ruling, reversal, payer, amount, create_time, end_time
from disputes
where
    coalition = :coalition and state in ('OPEN', 'ANSWERED', 'RESOLVING')
    and (create_time, dispute) > (:after_time::timestamptz, :after_dispute::text)
order by create_time, dispute
limit :most;
