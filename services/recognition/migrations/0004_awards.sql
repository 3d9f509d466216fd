-- What is paid from award budgets: the payouts, and what other systems report.

create table award_budgets (
    organisation text not null references organisations,
    award_budget text not null,
    display_name text not null,
    -- The ledger's account that has the points: of the kind that cannot go below zero.
    account text not null,
    wait_days smallint not null check (wait_days between 1 and 366),
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, award_budget)
);

create table payouts (
    organisation text not null,
    payout text not null,
    kind text not null check (kind in ('award', 'claim', 'celebration', 'achievement')),
    award_budget text not null,
    person text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    -- The name of what is paid.
    subject text not null,
    state text not null default 'pending' check (state in ('pending', 'waiting', 'paid', 'refused')),
    -- Which try the ledger is asked for: its refusals for lack of points are for ever.
    try_no integer not null default 1,
    due_time timestamptz not null,
    attempts integer not null default 0,
    wait_end_time timestamptz not null,
    create_time timestamptz not null,
    settle_time timestamptz,
    -- The ledger's, once paid.
    transaction text not null default '',
    -- Why the ledger last refused.
    refusal text not null default '',
    primary key (organisation, payout),
    foreign key (organisation, award_budget) references award_budgets,
    foreign key (organisation, person) references people,
    check ((state = 'paid') = (transaction <> '')),
    check (state not in ('waiting', 'refused') or refusal <> ''),
    check ((state in ('paid', 'refused')) = (settle_time is not null))
);
create index payouts_due on payouts (due_time) where state in ('pending', 'waiting');
create index payouts_unpaid on payouts (organisation, award_budget) where state in ('pending', 'waiting');

create table achievement_sources (
    organisation text not null,
    source text not null,
    display_name text not null,
    award_budget text not null,
    -- Points; 0: no limit.
    daily_limit bigint not null check (daily_limit between 0 and 9007199254740992),
    monthly_limit bigint not null check (monthly_limit between 0 and 9007199254740992),
    -- What was given on the last day that something was given on, and in that day's month.
    given_day date not null default '-infinity',
    given_of_day bigint not null default 0,
    given_of_month bigint not null default 0,
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, source),
    foreign key (organisation, award_budget) references award_budgets
);

create table achievements (
    organisation text not null,
    source text not null,
    -- The source's own id: one credit for each.
    achievement text not null,
    person text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    description text not null,
    payout text not null,
    actor text not null,
    record_time timestamptz not null,
    primary key (organisation, source, achievement),
    foreign key (organisation, source) references achievement_sources,
    foreign key (organisation, payout) references payouts
);

grant select, insert on award_budgets, achievements to :"runtime_role";
grant select, insert, update on payouts, achievement_sources to :"runtime_role";
