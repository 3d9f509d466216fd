-- name: begin_settlement!
update settlement_windows
set
    state = 'PENDING_SETTLEMENT', attempt = attempt + 1, settler = :settler, aborter = null, mismatch = null,
    due_time = :due_time, attempts = 0
where coalition = :coalition and number = :number and state in ('CLOSED', 'ABORTED');

-- name: insert_participants!
insert into settlement_participants (coalition, number, attempt, partner, net, state)
select :coalition, :number, :attempt, one.partner, one.net, 'RECORDED'
from unnest(:partners::text[], :nets::bigint[]) as one (partner, net);

-- name: participants_of
select partner, net, state, try, ask_time, missing, transaction
from settlement_participants
where coalition = :coalition and number = :number and attempt = :attempt
order by partner;

-- name: asked_participant!
-- Before the ledger is asked: from here on this try may have been carried out.
update settlement_participants set ask_time = coalesce(ask_time, :ask_time), missing = 0
where
    coalition = :coalition and number = :number and attempt = :attempt and partner = :partner and try = :try_number
    and state = :state;

-- name: next_try!
-- The ledger refused this try for ever.
update settlement_participants set try = try + 1, ask_time = null, missing = :missing
where
    coalition = :coalition and number = :number and attempt = :attempt and partner = :partner and try = :try_number
    and state = :state;

-- name: note_missing!
update settlement_participants set missing = :missing
where
    coalition = :coalition and number = :number and attempt = :attempt and partner = :partner and state = 'RECORDED';

-- name: move_participant!
update settlement_participants set state = :state, transaction = coalesce(:transaction, transaction), missing = 0
where
    coalition = :coalition and number = :number and attempt = :attempt and partner = :partner and state = :from_state;

-- name: give_up_participant!
-- As it was looked at: not where the ledger was asked for something since.
update settlement_participants set state = 'ABORTED', missing = 0
where
    coalition = :coalition and number = :number and attempt = :attempt and partner = :partner
    and state in ('RECORDED', 'RESERVED') and (ask_time is null or (try = :try_number and :given_back));

-- name: move_participants!
-- All of them that are in one state, and pay (-1), get (1) or neither (0).
update settlement_participants set state = :state
where
    coalition = :coalition and number = :number and attempt = :attempt and state = :from_state
    and sign(net)::int = any(:signs::int[]);

-- name: mismatch_window!
update settlement_windows set mismatch = :mismatch, due_time = null
where coalition = :coalition and number = :number and state = 'PENDING_SETTLEMENT';

-- name: resume_window!
update settlement_windows set mismatch = null, due_time = :due_time, attempts = 0
where coalition = :coalition and number = :number and state = 'PENDING_SETTLEMENT';

-- name: nudge_settlement!
-- Money has come: what waits for it goes on.
update settlement_windows set due_time = :now, attempts = 0
where coalition = :coalition and state = 'PENDING_SETTLEMENT' and due_time is not null;

-- name: ask_to_abort!
update settlement_windows set aborter = :aborter, mismatch = null, due_time = :due_time, attempts = 0
where coalition = :coalition and number = :number and state = 'PENDING_SETTLEMENT';

-- name: abort_settlement!
update settlement_windows set state = 'ABORTED', due_time = null, attempts = 0
where
    coalition = :coalition and number = :number and state = 'PENDING_SETTLEMENT' and aborter is not null
    and not exists (
        select from settlement_participants as one
        where
            one.coalition = settlement_windows.coalition and one.number = settlement_windows.number
            and one.attempt = settlement_windows.attempt and one.state <> 'ABORTED'
    );

-- name: settle_window!
update settlement_windows
set state = 'SETTLED', settle_time = :settle_time, paid_in = open_window(coalition), due_time = null, attempts = 0
where coalition = :coalition and number = :number and state = 'PENDING_SETTLEMENT' and aborter is null;

-- name: window_under_settlement$
select number from settlement_windows where coalition = :coalition and state = 'PENDING_SETTLEMENT';
