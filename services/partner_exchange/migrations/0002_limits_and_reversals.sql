-- Limits, what they have taken up, and paused corridors; reversals and disputes.

-- Each change is a version of all of a partner's limits; the newest one is in force.
create table partner_limits (
    partner text not null references partners (partner),
    version int not null check (version > 0),
    velocity_exchanges int check (velocity_exchanges > 0),
    velocity_minutes int check (velocity_minutes > 0),
    net_debit_cap bigint check (net_debit_cap >= 0),
    collateral bigint check (collateral >= 0),
    cover_numerator bigint not null,
    cover_denominator bigint not null check (cover_denominator > 0),
    actor text not null,
    reason text not null,
    create_time timestamptz not null,
    primary key (partner, version),
    check ((velocity_exchanges is null) = (velocity_minutes is null)),
    check (cover_numerator >= cover_denominator),
    -- What a partner may owe is covered by what it has posted.
    check (net_debit_cap::numeric * cover_numerator <= collateral::numeric * cover_denominator)
);

create table caps (
    partner text not null,
    version int not null,
    scope text not null check (scope in ('MEMBER', 'PAIR', 'PARTNER')),
    -- Of a pair; empty otherwise.
    receiver text not null,
    period text not null check (period in ('DAY', 'MONTH')),
    points bigint check (points > 0),
    exchanges bigint check (exchanges > 0),
    primary key (partner, version, scope, receiver, period),
    foreign key (partner, version) references partner_limits (partner, version),
    check ((scope = 'PAIR') = (receiver <> '')),
    check (points is not null or exchanges is not null)
);

-- What the exchanges of a period come to, ABORTED ones and what was taken back aside.
create table usage (
    sender text not null references partners (partner),
    scope text not null check (scope in ('MEMBER', 'PAIR', 'PARTNER')),
    -- The account of a member, the receiver of a pair; empty for the partner.
    subject text not null,
    period text not null check (period in ('DAY', 'MONTH')),
    begin_date date not null,
    points numeric not null check (points >= 0),
    exchanges bigint not null check (exchanges >= 0),
    -- The limits that the latest exchange was held against; null: there was none.
    most_points bigint,
    most_exchanges bigint,
    primary key (sender, scope, subject, period, begin_date),
    check (points <= most_points),
    check (exchanges <= most_exchanges)
);
create index usage_by_age on usage (begin_date);

-- What each partner owes, less what it is owed, in windows that are not settled: minor units, exactly.
create table exposures (
    partner text primary key references partners (partner),
    numerator numeric not null,
    denominator numeric not null check (denominator > 0),
    -- The most that the latest exchange was held against; null: what could not be refused, such as a reversal, came after.
    most bigint,
    check (numerator <= most * denominator)
);

create table corridor_pauses (
    sender text not null references partners (partner),
    receiver text not null references partners (partner),
    pause_time timestamptz not null,
    reason text not null,
    actor text not null,
    resume_time timestamptz,
    resume_actor text,
    check ((resume_time is null) = (resume_actor is null))
);
create unique index corridors_paused on corridor_pauses (sender, receiver) where resume_time is null;

-- For velocity: how many exchanges of a member began within a time.
create index exchanges_of_members on exchanges (sender, source_account, create_time);

-- How the debited points were to expire, as they were taken: for a part that goes back. And how many have gone back.
alter table exchanges add column sources jsonb;
alter table exchanges add column returned bigint not null default 0;
alter table exchanges add check (returned between 0 and debited);

create table reversals (
    reversal text primary key,
    exchange text not null references exchanges (exchange),
    -- The exchange's own: by it the receiver owes the sender.
    coalition text not null,
    payer text not null,
    payee text not null,
    price_numerator bigint not null,
    price_denominator bigint not null,
    returned bigint not null check (returned > 0),
    taken_back bigint not null check (taken_back >= 0),
    -- Those of them that a promotion brought, and who gets back what it paid for them: a partner, or null, the hub.
    promoted_back bigint not null check (promoted_back between 0 and taken_back),
    funder text,
    -- How the returned points expire; empty where the ledger takes its own transaction back.
    legs jsonb not null,
    reason text not null,
    -- With a remote partner it is an exchange the other way: these are as in exchanges.
    state text not null check (state in (
        'POSTING', 'RESERVING', 'RESERVED', 'CREDITING', 'CREDITED', 'CANCELLING', 'COMMITTED', 'ABORTED'
    )),
    ask_times timestamptz[],
    refusal_reason text,
    refusal_metadata jsonb,
    reservation text not null default '',
    credit text not null default '',
    asked text references partners (partner),
    state_time timestamptz,
    unanswered int not null default 0,
    needs_operator boolean not null default false,
    -- The ledger's; empty where the receiver, from whom it is taken, is remote.
    transaction text,
    commit_time timestamptz,
    settlement_window int,
    actor text not null,
    create_time timestamptz not null,
    -- When the recovery loop takes it up; null at the end.
    due_time timestamptz,
    attempts int not null default 0,
    check ((state = 'COMMITTED') = (transaction is not null and commit_time is not null)),
    check ((state = 'COMMITTED') = (settlement_window is not null)),
    check ((state in ('CANCELLING', 'ABORTED')) = (refusal_reason is not null and refusal_metadata is not null)),
    check ((state in ('COMMITTED', 'ABORTED')) = (due_time is null)),
    check (asked is null or state not in ('POSTING', 'COMMITTED', 'ABORTED')),
    check (asked is not null or unanswered = 0),
    check (not needs_operator or state in ('CREDITING', 'CREDITED', 'CANCELLING'))
);
create index reversals_of_exchange on reversals (exchange, create_time);
-- The rounding of the next one goes by what became of this one.
create unique index one_reversal_under_way on reversals (exchange) where state not in ('COMMITTED', 'ABORTED');
create index reversals_owed on reversals (coalition, settlement_window, payer) where state = 'COMMITTED';
create index reversals_of_promotions on reversals (coalition, settlement_window, payee)
where state = 'COMMITTED' and promoted_back > 0;
create index reversals_due on reversals (due_time) where due_time is not null and asked is null;
create index reversals_asked on reversals (asked, due_time) where asked is not null;
create index reversals_before_operator on reversals (coalition, create_time, reversal) where needs_operator;

-- What two people say may be of a reversal of the exchange.
alter table resolutions add column reversal text references reversals (reversal);

create table disputes (
    dispute text primary key,
    exchange text not null references exchanges (exchange),
    coalition text not null,
    opener text not null references partners (partner),
    respondent text not null references partners (partner),
    claim text not null,
    state text not null check (state in ('OPEN', 'ANSWERED', 'RESOLVING', 'RESOLVED', 'WITHDRAWN')),
    answer_deadline timestamptz not null,
    answer text not null default '',
    answer_time timestamptz,
    outcome text check (outcome in ('REJECTED', 'REVERSED', 'ADJUSTED')),
    ruling text not null default '',
    resolver text,
    reversal text references reversals (reversal),
    -- What one brand owes the other by an adjustment, in minor units.
    payer text,
    payee text,
    amount bigint check (amount > 0),
    settlement_window int,
    actor text not null,
    create_time timestamptz not null,
    end_time timestamptz,
    check (opener <> respondent),
    check ((answer_time is null) = (answer = '')),
    check (state <> 'ANSWERED' or answer_time is not null),
    check ((state = 'RESOLVED') = (outcome is not null)),
    check ((state in ('RESOLVING', 'RESOLVED')) = (resolver is not null)),
    check ((state in ('RESOLVED', 'WITHDRAWN')) = (end_time is not null)),
    check ((state = 'RESOLVING' or coalesce(outcome = 'REVERSED', false)) = (reversal is not null)),
    check (coalesce(outcome = 'ADJUSTED', false) = (amount is not null)),
    check ((amount is null) = (payer is null and payee is null and settlement_window is null))
);
create unique index one_open_dispute on disputes (exchange) where state in ('OPEN', 'ANSWERED', 'RESOLVING');
create unique index disputes_resolving on disputes (reversal) where state = 'RESOLVING';
create index disputes_opened on disputes (opener, create_time desc, dispute desc);
create index disputes_answered on disputes (respondent, create_time desc, dispute desc);
create index disputes_waiting on disputes (coalition, create_time, dispute)
where state in ('OPEN', 'ANSWERED', 'RESOLVING');
create index disputes_owed on disputes (coalition, settlement_window, payer) where outcome = 'ADJUSTED';

grant select, insert on disputes to :"runtime_role";
grant update (state, answer, answer_time, outcome, ruling, resolver, reversal, payer, payee, amount, settlement_window,
              end_time) on disputes to :"runtime_role";
grant select, insert on reversals to :"runtime_role";
grant update (state, ask_times, refusal_reason, refusal_metadata, reservation, credit, asked, state_time, unanswered,
              needs_operator, transaction, commit_time, settlement_window, due_time, attempts) on reversals to :"runtime_role";
grant update (sources, returned) on exchanges to :"runtime_role";
grant select, insert on partner_limits, caps, usage, exposures, corridor_pauses to :"runtime_role";
grant update (points, exchanges, most_points, most_exchanges) on usage to :"runtime_role";
grant delete on usage to :"runtime_role";
grant update (numerator, denominator, most) on exposures to :"runtime_role";
grant update (resume_time, resume_actor) on corridor_pauses to :"runtime_role";
