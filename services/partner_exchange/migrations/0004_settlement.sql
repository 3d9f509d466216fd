-- Settlement windows, what the brands owe each other in each, and who has paid.

create table settlement_windows (
    coalition text not null references coalitions (coalition),
    number int not null check (number > 0),
    state text not null check (state in ('OPEN', 'CLOSED', 'PENDING_SETTLEMENT', 'SETTLED', 'ABORTED')),
    open_time timestamptz not null,
    close_time timestamptz,
    closer text,
    -- When it was counted what the brands owe each other; from then on the amounts stand.
    count_time timestamptz,
    -- How often it was settled or is being: each time has participants of its own.
    attempt int not null default 0,
    settler text,
    -- An abortion was asked for; it is ABORTED once everybody has back what was set aside.
    aborter text,
    settle_time timestamptz,
    -- The window that was open when this one was settled: whose statements show the payment.
    paid_in int,
    -- Why nothing goes on until the operator asks again.
    mismatch text,
    -- When the recovery loop takes it up; null while there is nothing to do.
    due_time timestamptz,
    attempts int not null default 0,
    primary key (coalition, number),
    check ((state = 'OPEN') = (close_time is null and closer is null)),
    check (state in ('OPEN', 'CLOSED') or count_time is not null),
    check ((state = 'SETTLED') = (settle_time is not null and paid_in is not null)),
    check (state not in ('PENDING_SETTLEMENT', 'SETTLED', 'ABORTED') or attempt > 0)
);
create unique index one_open_window on settlement_windows (coalition) where state = 'OPEN';
-- The hub's account is zero after each settlement: with two at once nobody could tell.
create unique index one_settlement on settlement_windows (coalition) where state = 'PENDING_SETTLEMENT';
create index windows_paid on settlement_windows (coalition, paid_in) where paid_in is not null;
create index windows_due on settlement_windows (due_time) where due_time is not null;

-- The fence of a coalition's windows. What is stamped with the open window holds it in common until it is committed;
-- who closes a window holds it alone. An advisory lock, as it is fair (row locks that are shared let a steady stream of
-- sharers pass whoever wants it alone) and writes nothing (locks on a row that all share are written into the row).
create function window_fence(of_coalition text) returns bigint language sql immutable as
$$ select hashtextextended('settlement windows of ' || of_coalition, 0) $$;

-- The number of the open window, which stays open until the transaction ends. In PL/pgSQL, since only there the second
-- statement sees what was committed while the first one waited.
create function open_window(of_coalition text) returns int language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock_shared(window_fence(of_coalition));
    return (select number from settlement_windows where coalition = of_coalition and state = 'OPEN');
end $$;

-- No foreign key: its check would lock the window's row, which all commits share, and write into it.
alter table exchanges add column settlement_window int;
alter table exchanges add check ((state = 'COMMITTED') = (settlement_window is not null));
-- Not by the state: a row whose state moves on before that would get entries in all indexes anew.
create index exchanges_owed on exchanges (coalition, settlement_window, sender, receiver, commit_time)
where settlement_window is not null;
create index exchanges_promoted on exchanges (coalition, settlement_window, coalesce(funder, ''))
where settlement_window is not null and promoted > 0;
create index exchanges_with_fees on exchanges (coalition, settlement_window, sender)
where settlement_window is not null and cash_fee > 0;

-- Everything by which one party owes another: `points` at a price, in minor units. The hub, which is the operator, has
-- the empty id. What was tried in the sandbox has no price, and who only tries takes part in no settlement.
create view obligations as
select
    coalition, settlement_window, sender as payer, receiver as payee, 'EXCHANGE' as kind, exchange as entry, commit_time,
    debited, received, received as points, price_numerator, price_denominator
from exchanges
where state = 'COMMITTED' and price_numerator > 0
union all
-- What was taken back of an exchange, at its own price, in the window that was open then.
select
    coalition, settlement_window, payer, payee, 'REVERSAL' as kind, reversal as entry, commit_time, returned as debited,
    taken_back as received, taken_back as points, price_numerator, price_denominator
from reversals
where state = 'COMMITTED' and price_numerator > 0
union all
-- What a promotion brought on top is owed to the sender by who promised to pay for it.
select
    coalition, settlement_window, coalesce(funder, ''), sender, 'PROMOTION', exchange, commit_time, 0, promoted, promoted,
    price_numerator, price_denominator
from exchanges
where state = 'COMMITTED' and promoted > 0 and funder is distinct from sender and price_numerator > 0
union all
-- The member paid it to the sender.
select
    coalition, settlement_window, sender, '', 'FEE', exchange, commit_time, 0, 0, cash_fee, 1, 1
from exchanges
where state = 'COMMITTED' and cash_fee > 0 and price_numerator > 0
union all
-- What was taken back of the points that a promotion brought, who paid for them gets back.
select
    coalition, settlement_window, payee, coalesce(funder, ''), 'PROMOTION_REVERSAL', reversal, commit_time, 0,
    promoted_back, promoted_back, price_numerator, price_denominator
from reversals
where state = 'COMMITTED' and promoted_back > 0 and funder is distinct from payee and price_numerator > 0
union all
-- What a dispute was decided to cost one of them.
select coalition, settlement_window, payer, payee, 'ADJUSTMENT', dispute, end_time, 0, 0, amount, 1, 1
from disputes
where outcome = 'ADJUSTED';

-- What one party owes another for a window: the exact sum, and what it is rounded to, once.
create table settlement_amounts (
    coalition text not null,
    number int not null,
    payer text not null,
    payee text not null,
    entries bigint not null check (entries > 0),
    exact_numerator numeric not null,
    exact_denominator numeric not null check (exact_denominator > 0),
    amount bigint not null,
    primary key (coalition, number, payer, payee),
    foreign key (coalition, number) references settlement_windows (coalition, number),
    check (payer <> payee),
    check (2 * abs(amount * exact_denominator - exact_numerator) <= exact_denominator)
);

-- What each party is owed for a window less what it owes, in whole minor units.
create table settlement_nets (
    coalition text not null,
    party text not null,
    number int not null,
    net bigint not null,
    primary key (coalition, party, number),
    foreign key (coalition, number) references settlement_windows (coalition, number)
);

-- Who takes part in a settlement, and with how much: what the others owe it less what it owes them.
create table settlement_participants (
    coalition text not null,
    number int not null,
    attempt int not null,
    -- Empty: the hub.
    partner text not null,
    net bigint not null,
    state text not null check (state in ('RECORDED', 'RESERVED', 'COMMITTED', 'SETTLED', 'ABORTED')),
    -- The ledger is asked under the number of the try: a refusal for want of money is for ever that try's.
    try int not null default 1,
    ask_time timestamptz,
    -- What its account lacks, when it was last looked at.
    missing bigint not null default 0 check (missing >= 0),
    -- The ledger's transaction that set aside what it pays, or paid what it gets.
    transaction text,
    primary key (coalition, number, attempt, partner),
    foreign key (coalition, number) references settlement_windows (coalition, number)
);

-- A participant goes forward, one state at a time, or is ABORTED; what it pays or gets never changes.
create function forward_only() returns trigger language plpgsql as $$
begin
    if new.net <> old.net then
        raise 'the net amount of % does not change', old.partner;
    end if;
    if new.state <> old.state and (old.state, new.state) not in (
        ('RECORDED', 'RESERVED'), ('RESERVED', 'COMMITTED'), ('COMMITTED', 'SETTLED'), ('RECORDED', 'ABORTED'),
        ('RESERVED', 'ABORTED')
    ) then
        raise '% does not become %', old.state, new.state;
    end if;
    return new;
end $$;
create trigger participants_forward_only before update on settlement_participants
for each row execute function forward_only();

grant select, insert on settlement_windows, settlement_amounts, settlement_nets, settlement_participants to :"runtime_role";
grant select on obligations to :"runtime_role";
grant update (state, close_time, closer, count_time, attempt, settler, aborter, settle_time, paid_in, mismatch, due_time,
              attempts) on settlement_windows to :"runtime_role";
grant update (state, try, ask_time, missing, transaction) on settlement_participants to :"runtime_role";
grant update (settlement_window) on exchanges to :"runtime_role";
