-- What people are granted to give, by which plan.

-- A plan holds from its first day until that of the next one. One that was replaced before it held is kept, to be seen.
create table allowance_plans (
    organisation text not null references organisations,
    version integer not null check (version >= 1),
    from_day date not null,
    period_kind text not null check (period_kind in ('week', 'month', 'quarter')),
    base_amount bigint not null check (base_amount between 0 and 9007199254740992),
    actor text not null,
    create_time timestamptz not null,
    replaced boolean not null default false,
    primary key (organisation, version)
);
create unique index allowance_plans_days on allowance_plans (organisation, from_day) where not replaced;

-- Other amounts, for whoever is all that one names (empty: anybody); the first that fits counts.
create table allowance_overrides (
    organisation text not null,
    version integer not null,
    position smallint not null,
    amount bigint not null check (amount between 0 and 9007199254740992),
    role text not null,
    country text not null,
    team text not null,
    primary key (organisation, version, position),
    foreign key (organisation, version) references allowance_plans
);

-- What a person is granted in every period besides.
create table allowance_boosts (
    organisation text not null,
    person text not null,
    amount bigint not null check (amount between 0 and 9007199254740992),
    reason text not null,
    actor text not null,
    update_time timestamptz not null,
    primary key (organisation, person),
    foreign key (organisation, person) references people
);

-- What managers are granted in every period, to give out.
create table manager_budgets (
    organisation text not null,
    person text not null,
    amount bigint not null check (amount between 0 and 9007199254740992),
    -- For how many periods after its own a grant can still be given out.
    carry_over_periods smallint not null check (carry_over_periods between 0 and 12),
    account text not null,
    -- The first day of the newest period whose grant was planned.
    planned_period date not null default '-infinity',
    actor text not null,
    update_time timestamptz not null,
    primary key (organisation, person),
    foreign key (organisation, person) references people
);

create table allowances (
    organisation text not null,
    person text not null,
    -- Whether it is theirs to thank with, or a manager's to give out.
    purpose text not null check (purpose in ('give', 'manage')),
    -- The period's first day. One row for each person, purpose and period: it is granted once.
    period date not null,
    period_kind text not null check (period_kind in ('week', 'month', 'quarter')),
    account text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    -- How much of the amount is a boost.
    boost_amount bigint not null check (boost_amount between 0 and amount),
    available_time timestamptz not null,
    expire_time timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'posted', 'lapsed')),
    -- When it is (or was last) due to be posted.
    due_time timestamptz not null,
    attempts integer not null default 0,
    -- Why the ledger last refused.
    refusal text not null default '',
    primary key (organisation, person, purpose, period),
    foreign key (organisation, person) references people
);
create index allowances_due on allowances (due_time) where state = 'pending';
create index allowances_unposted on allowances (organisation, period) where state = 'pending';

-- Periods for which the budget was too short for somebody: told once.
create table budget_shortages (
    organisation text not null references organisations,
    period date not null,
    primary key (organisation, period)
);

grant select, insert on allowance_overrides, budget_shortages to :"runtime_role";
grant select, insert, update on allowance_plans, allowance_boosts, manager_budgets, allowances to :"runtime_role";

-- How organisations pay: the credit limit that the ledger is told, and what a redeemed point costs.
create table budget_terms (
    organisation text primary key references organisations,
    version integer not null,
    mode text not null check (mode in ('prepaid', 'billed_on_redemption')),
    credit_limit bigint not null check (credit_limit between 0 and 9007199254740992),
    numerator bigint check (numerator between 1 and 1000000000),
    denominator bigint check (denominator between 1 and 1000000000),
    currency_code text not null check (currency_code ~ '^([A-Z]{3})?$'),
    actor text not null,
    update_time timestamptz not null,
    -- When the ledger is to be told; null: it was.
    due_time timestamptz,
    attempts integer not null default 0,
    check (mode <> 'prepaid' or (credit_limit = 0 and numerator is null)),
    check ((numerator is null) = (denominator is null) and (numerator is null) = (currency_code = ''))
);
create index budget_terms_due on budget_terms (due_time) where due_time is not null;

-- Points that somebody put somewhere by hand: into the budget, or from it or a manager's to people.
create table disbursements (
    organisation text not null references organisations,
    disbursement text not null,
    doing text not null check (doing in ('fund', 'boost', 'award', 'manager_boost')),
    -- Whose budget pays; empty: the organisation's.
    manager text not null,
    receivers text[] not null,
    -- What each receives.
    amount bigint not null check (amount between 1 and 9007199254740992),
    -- The reason, or the invoice.
    note text not null,
    source text not null,
    destinations text[] not null,
    state text not null default 'pending' check (state in ('pending', 'posted', 'refused')),
    actor text not null,
    create_time timestamptz not null,
    due_time timestamptz not null,
    attempts integer not null default 0,
    -- The ledger's, once posted.
    transaction text not null default '',
    -- Why the ledger refused, and what was left if that was the reason.
    refusal text not null default '',
    available_amount bigint not null default 0,
    primary key (organisation, disbursement),
    check ((state = 'posted') = (transaction <> '')),
    check ((state = 'refused') = (refusal <> ''))
);
create unique index disbursements_invoices on disbursements (organisation, note)
    where doing = 'fund' and state <> 'refused';
create index disbursements_due on disbursements (due_time) where state = 'pending';

grant select, insert, update on budget_terms, disbursements to :"runtime_role";

-- What organisations that are billed on redemption owe, for each month that is over.
create table billing_statements (
    organisation text not null references organisations,
    -- Its first day.
    month date not null,
    redeemed_points bigint not null,
    returned_points bigint not null,
    numerator bigint not null,
    denominator bigint not null,
    currency_code text not null,
    create_time timestamptz not null,
    primary key (organisation, month)
);

create table billable_redemptions (
    organisation text not null,
    month date not null,
    position integer not null,
    person text not null,
    transaction text not null,
    points bigint not null,
    record_time timestamptz not null,
    primary key (organisation, month, position),
    foreign key (organisation, month) references billing_statements
);

grant select, insert on billing_statements, billable_redemptions to :"runtime_role";
