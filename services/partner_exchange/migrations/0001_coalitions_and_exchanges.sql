-- Coalitions, their partners and rates, quotes, and exchanges.

create table coalitions (
    coalition text primary key,
    display_name text not null,
    currency text not null,
    -- Its days and months are those of limits.
    time_zone text not null,
    actor text not null,
    create_time timestamptz not null,
    -- By which fraction of itself one person may move a rate.
    rate_move_numerator bigint not null check (rate_move_numerator > 0),
    rate_move_denominator bigint not null check (rate_move_denominator > 0)
);

create table partners (
    partner text primary key,
    coalition text not null references coalitions (coalition),
    display_name text not null,
    -- Of a hosted partner.
    program text,
    unit text,
    -- Of a remote one: where its own ledger answers.
    target text,
    price_numerator bigint not null check (price_numerator > 0),
    price_denominator bigint not null check (price_denominator > 0),
    received_lifetime_days int,
    state text not null check (state in ('DRAFT', 'SANDBOX', 'LIVE', 'SUSPENDED', 'LEAVING', 'LEFT')),
    -- What a suspended one comes back to, and when the notice of one that leaves is over.
    resumed text check (resumed in ('SANDBOX', 'LIVE', 'LEAVING')),
    leave_time timestamptz,
    actor text not null,
    create_time timestamptz not null,
    check ((state = 'SUSPENDED') = (resumed is not null)),
    check (state <> 'LEAVING' and resumed is distinct from 'LEAVING' or leave_time is not null),
    -- With two partners for a program, one brand could send the points of another.
    unique (coalition, program),
    check ((program is null) = (unit is null) and (program is null) <> (target is null))
);

create table partner_keys (
    partner text not null references partners (partner),
    key text not null,
    algorithm text not null check (algorithm in ('ES256', 'Ed25519')),
    jwk jsonb not null,
    create_time timestamptz not null,
    retire_time timestamptz,
    primary key (partner, key)
);

create table rate_books (
    coalition text not null references coalitions (coalition),
    version int not null check (version > 0),
    state text not null check (state in ('PROPOSED', 'PUBLISHED', 'REJECTED', 'WITHDRAWN')),
    -- Of a proposal: from when on it is meant to hold.
    effective_time timestamptz not null,
    revaluation boolean not null,
    -- What the proof came upon, for whoever approves.
    review jsonb not null,
    publisher text not null,
    -- The authenticated subject.
    publisher_person text not null,
    publish_time timestamptz not null,
    decider text,
    decider_person text,
    decide_time timestamptz,
    withdrawer text,
    withdraw_time timestamptz,
    primary key (coalition, version),
    check (num_nulls(decider, decider_person, decide_time) in (0, 3)),
    -- Approving takes another person; whoever proposed may take it back.
    check (state = 'REJECTED' or decider_person <> publisher_person),
    check (state <> 'PROPOSED' or decider is null),
    check (state <> 'REJECTED' or decider is not null),
    check ((state = 'WITHDRAWN') = (withdraw_time is not null)),
    check ((withdrawer is null) = (withdraw_time is null))
);
create unique index rate_books_in_order on rate_books (coalition, effective_time) where state = 'PUBLISHED';

-- Published books: each holds until the next one does, or until it is withdrawn. One that was withdrawn before it began
-- never held, and ends none.
create view held_rate_books as
select
    book.coalition, book.version, book.effective_time, book.withdraw_time,
    least(book.withdraw_time, (
        select min(later.effective_time) from rate_books as later
        where
            later.coalition = book.coalition and later.version > book.version
            and (later.state = 'PUBLISHED' or later.withdraw_time > later.effective_time)
    )) as end_time
from rate_books as book
where book.state = 'PUBLISHED' or book.withdraw_time > book.effective_time;

create table rates (
    coalition text not null,
    version int not null,
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    numerator bigint not null check (numerator > 0),
    denominator bigint not null check (denominator > 0),
    minimum bigint not null check (minimum > 0),
    increment bigint not null check (increment > 0),
    maximum bigint not null check (maximum >= minimum),
    bonus_threshold bigint check (bonus_threshold > 0),
    bonus_points bigint check (bonus_points > 0),
    bonus_cap bigint check (bonus_cap >= bonus_points),
    bonus_period text check (bonus_period in ('DAY', 'MONTH', 'YEAR')),
    points_fee jsonb,
    cash_fee jsonb,
    arrives_within_hours int not null check (arrives_within_hours >= 0),
    primary key (coalition, version, sender, receiver),
    foreign key (coalition, version) references rate_books (coalition, version),
    check ((bonus_threshold is null) = (bonus_points is null)),
    check ((bonus_cap is null) = (bonus_period is null))
);

create table promotions (
    coalition text not null,
    version int not null,
    sender text not null,
    receiver text not null,
    promotion text not null,
    start_time timestamptz not null,
    end_time timestamptz not null,
    -- Null: the hub.
    funder text references partners (partner),
    numerator bigint check (numerator > 0),
    denominator bigint check (denominator > 0),
    bonus_threshold bigint check (bonus_threshold > 0),
    bonus_points bigint check (bonus_points > 0),
    bonus_cap bigint check (bonus_cap >= bonus_points),
    bonus_period text check (bonus_period in ('DAY', 'MONTH', 'YEAR')),
    primary key (coalition, version, sender, receiver, promotion),
    foreign key (coalition, version, sender, receiver) references rates (coalition, version, sender, receiver),
    check (start_time < end_time),
    check ((numerator is null) = (denominator is null)),
    check (numerator is not null or bonus_threshold is not null),
    check ((bonus_threshold is null) = (bonus_points is null)),
    check ((bonus_cap is null) = (bonus_period is null))
);

create view rates_with_promotions as
select
    rates.*,
    (
        select jsonb_agg(to_jsonb(promotions) order by promotions.start_time) from promotions
        where
            promotions.coalition = rates.coalition and promotions.version = rates.version
            and promotions.sender = rates.sender and promotions.receiver = rates.receiver
    ) as promotions
from rates;

-- For each pair the book with its best rate, of all that a book was proved together with: what the next one is proved
-- with.
create table best_rates (
    coalition text not null,
    version int not null,
    sender text not null,
    receiver text not null,
    best_version int not null check (best_version <= version),
    primary key (coalition, version, sender, receiver),
    foreign key (coalition, version) references rate_books (coalition, version),
    foreign key (coalition, best_version, sender, receiver) references rates (coalition, version, sender, receiver)
);

create table quotes (
    quote text primary key,
    coalition text not null,
    version int not null,
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    source_account text not null,
    destination_account text not null,
    numerator bigint not null,
    denominator bigint not null,
    send bigint,
    receive_at_least bigint,
    debited bigint not null check (debited > 0),
    received bigint not null check (received > 0),
    bonus bigint not null check (bonus >= 0),
    fee bigint not null check (fee >= 0),
    cash_fee bigint not null check (cash_fee >= 0),
    promotion text,
    -- Who pays for what the promotion brings; null with one: the hub.
    funder text check (promotion is not null or funder is null),
    promoted bigint not null check (promoted between 0 and received and (promotion is not null or promoted = 0)),
    remainder bigint not null check (remainder >= 0),
    bonus_cap bigint,
    bonus_period text,
    create_time timestamptz not null,
    expire_time timestamptz not null,
    use_time timestamptz,
    foreign key (coalition, version) references rate_books (coalition, version),
    check ((send is null) <> (receive_at_least is null))
);
create index quotes_by_age on quotes (expire_time);

-- What members have had of bonuses with a cap, in each day, month or year.
create table bonus_usage (
    sender text not null references partners (partner),
    account text not null,
    receiver text not null references partners (partner),
    period text not null check (period in ('DAY', 'MONTH', 'YEAR')),
    begin_date date not null,
    points bigint not null check (points >= 0),
    -- The one that the latest bonus was held against.
    cap bigint not null,
    primary key (sender, account, receiver, period, begin_date),
    check (points <= cap)
);
create index bonus_usage_by_age on bonus_usage (begin_date);

create table exchanges (
    -- The quote's id: one quote, one exchange.
    exchange text primary key,
    coalition text not null,
    version int not null,
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    source_account text not null,
    destination_account text not null,
    debited bigint not null check (debited > 0),
    received bigint not null check (received > 0),
    bonus bigint not null check (bonus >= 0),
    fee bigint not null check (fee >= 0),
    cash_fee bigint not null check (cash_fee >= 0),
    promotion text,
    funder text check (promotion is not null or funder is null),
    promoted bigint not null check (promoted between 0 and received and (promotion is not null or promoted = 0)),
    -- Of a bonus with a cap: what it was counted in.
    bonus_period text check (bonus_period in ('DAY', 'MONTH', 'YEAR')),
    bonus_begin_date date,
    check ((bonus_period is null) = (bonus_begin_date is null)),
    state text not null check (state in (
        'RECEIVED', 'POSTING', 'RESERVING', 'RESERVED', 'CREDITING', 'CREDITED', 'CANCELLING', 'COMMITTED', 'ABORTED'
    )),
    -- How the received points expire: fixed before the ledger is asked, so that asking again is asking the same.
    legs jsonb,
    -- How many points a hosted sender's account has to keep, and for which version of it that was found: fixed likewise.
    locked jsonb,
    -- When the ledger was asked, in order, each time that it has not answered and may still be at work.
    ask_times timestamptz[],
    refusal_reason text,
    refusal_metadata jsonb,
    -- The ledger's, of a hosted sender.
    transaction text,
    -- What the sides call what they did for an exchange with a remote partner.
    reservation text not null default '',
    credit text not null default '',
    -- The remote partner that is asked: since when, how often it has not answered, and whether people have to find out.
    asked text references partners (partner),
    state_time timestamptz,
    unanswered int not null default 0,
    needs_operator boolean not null default false,
    commit_time timestamptz,
    -- The receiver's agreed price, as it was when the quote was used: what limits booked is what will be owed.
    price_numerator bigint not null,
    price_denominator bigint not null,
    actor text not null,
    create_time timestamptz not null,
    -- When the recovery loop takes it up; null at the end.
    due_time timestamptz,
    attempts int not null default 0,
    foreign key (coalition, version) references rate_books (coalition, version),
    check (legs is not null or state in ('RECEIVED', 'RESERVING', 'CANCELLING', 'ABORTED')),
    check (transaction is null or state = 'COMMITTED'),
    check ((state = 'COMMITTED') = (commit_time is not null)),
    check ((state in ('CANCELLING', 'ABORTED')) = (refusal_reason is not null and refusal_metadata is not null)),
    check ((state in ('COMMITTED', 'ABORTED')) = (due_time is null)),
    check (asked is null or state not in ('POSTING', 'COMMITTED', 'ABORTED')),
    check (asked is not null or unanswered = 0),
    check (not needs_operator or state in ('CREDITING', 'CREDITED', 'CANCELLING'))
) with (fillfactor = 60);  -- a row has room to change beside itself
create index exchanges_sent on exchanges (sender, create_time desc, exchange desc);
create index exchanges_received on exchanges (receiver, create_time desc, exchange desc);
create index exchanges_due on exchanges (due_time) where due_time is not null and asked is null;
create index exchanges_asked on exchanges (asked, due_time) where asked is not null;
create index exchanges_before_operator on exchanges (coalition, create_time, exchange) where needs_operator;

create table resolutions (
    exchange text not null references exchanges (exchange),
    number int not null check (number > 0),
    -- The exchange's: for that alone it counts.
    state text not null check (state in ('CREDITING', 'CREDITED', 'CANCELLING')),
    outcome text not null check (outcome = 'DONE' or (outcome = 'REFUSED' and state = 'CREDITING')),
    reason text not null,
    proposer text not null,
    proposer_person text not null,
    propose_time timestamptz not null,
    approver text,
    approver_person text check (approver_person <> proposer_person),
    approve_time timestamptz,
    primary key (exchange, number),
    check ((approver is null) = (approver_person is null) and (approver is null) = (approve_time is null))
);
grant select, insert, update (approver, approver_person, approve_time) on resolutions to :"runtime_role";

grant select, insert on coalitions, partners, partner_keys, rate_books, rates, promotions, best_rates, quotes, exchanges
to :"runtime_role";
grant select, insert, delete, update (points, cap) on bonus_usage to :"runtime_role";
grant select on held_rate_books, rates_with_promotions to :"runtime_role";
-- A proposal is decided, a book withdrawn; what is in it never changes.
grant update (state, effective_time, decider, decider_person, decide_time, withdrawer, withdraw_time)
on rate_books to :"runtime_role";
-- A published book, an agreed price and the terms of an exchange never change.
grant update (state, resumed, leave_time, display_name, received_lifetime_days, price_numerator, price_denominator)
    on partners to :"runtime_role";
grant update (retire_time) on partner_keys to :"runtime_role";
grant update (use_time) on quotes to :"runtime_role";
grant delete on quotes to :"runtime_role";
grant update (state, legs, locked, ask_times, refusal_reason, refusal_metadata, transaction, reservation, credit, asked,
              state_time, unanswered, needs_operator, commit_time, due_time, attempts) on exchanges to :"runtime_role";
-- Publishing is one at a time in a coalition, and locks its row.
grant update (display_name) on coalitions to :"runtime_role";
