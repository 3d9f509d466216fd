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

create table award_programs (
    organisation text not null,
    award_program text not null,
    display_name text not null,
    award_budget text not null,
    amount_min bigint not null check (amount_min between 1 and amount_max),
    amount_max bigint not null check (amount_max between 1 and 9007199254740992),
    -- Roles that may nominate.
    nominators text[] not null,
    own_reports_only boolean not null,
    -- The approval chain, level by level; each award takes it along as it was then.
    chain jsonb not null,
    closed_by text,
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, award_program),
    foreign key (organisation, award_budget) references award_budgets
);

create table awards (
    organisation text not null,
    award text not null,
    award_program text not null,
    nominator text not null,
    nominee text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    reason text not null,
    visibility text not null check (visibility in ('public', 'private')),
    chain jsonb not null,
    state text not null check (state in ('in_approval', 'approved', 'rejected', 'withdrawn')),
    -- Whose turn it is: the level, who decides there (empty: whoever has the role), and until when.
    level smallint not null,
    approver text not null,
    approver_role text not null,
    deadline timestamptz,
    -- The payout of the same id, once approved.
    payout text,
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, award),
    foreign key (organisation, award_program) references award_programs,
    foreign key (organisation, nominator) references people,
    foreign key (organisation, nominee) references people,
    foreign key (organisation, payout) references payouts,
    check (nominator <> nominee),
    check ((state = 'in_approval') = (deadline is not null)),
    check ((state = 'approved') = (payout is not null)),
    check (payout = award)
);
create index awards_overdue on awards (deadline) where state = 'in_approval';
create index awards_newest on awards (organisation, create_time desc, award desc);
create index awards_to_decide on awards (organisation, create_time desc, award desc) where state = 'in_approval';
create index awards_nominated on awards (organisation, nominator, create_time desc, award desc);

-- What was done about an award, for ever.
create table award_steps (
    organisation text not null,
    award text not null,
    step smallint not null,
    level smallint not null,
    action text not null check (
        action in (
            'nominated', 'passed_over', 'approved', 'rejected', 'escalated', 'approved_overdue', 'rejected_overdue',
            'withdrawn'
        )
    ),
    -- Empty: the clock.
    person text not null,
    -- By whose right, if not their own.
    right_of text not null,
    comment text not null,
    actor text not null,
    step_time timestamptz not null,
    primary key (organisation, award, step),
    foreign key (organisation, award) references awards
);
-- Nobody approves twice, by whichever right.
create unique index award_steps_approved on award_steps (organisation, award, person) where action = 'approved';

create table delegations (
    organisation text not null,
    delegation text not null,
    approver text not null,
    delegate text not null,
    start_time timestamptz not null,
    end_time timestamptz not null,
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, delegation),
    foreign key (organisation, approver) references people,
    foreign key (organisation, delegate) references people,
    check (approver <> delegate),
    check (end_time >= start_time)
);
create index delegations_to on delegations (organisation, delegate, end_time);

grant select, insert on award_steps to :"runtime_role";
grant select, insert, update on award_programs, awards, delegations to :"runtime_role";
grant select, insert on award_budgets, achievements to :"runtime_role";
grant select, insert, update on payouts, achievement_sources to :"runtime_role";

-- What is celebrated in an organisation, and since which of its days.
create table celebration_policies (
    organisation text primary key,
    award_budget text not null,
    -- Of how many years of service, and what each gives.
    anniversary_years smallint[] not null,
    anniversary_amounts bigint[] not null,
    other_anniversary_amount bigint not null check (other_anniversary_amount between 0 and 9007199254740992),
    birthday_amount bigint not null check (birthday_amount between 0 and 9007199254740992),
    leap_day text not null check (leap_day in ('february_28', 'march_1')),
    catch_up_days smallint not null check (catch_up_days between 0 and 31),
    visibility text not null check (visibility in ('public', 'private')),
    start_day date not null,
    actor text not null,
    foreign key (organisation, award_budget) references award_budgets,
    check (cardinality(anniversary_years) = cardinality(anniversary_amounts))
);

-- What was celebrated: each occasion of a person once a year.
create table celebrations (
    organisation text not null,
    person text not null,
    occasion text not null check (occasion in ('anniversary', 'birthday')),
    year smallint not null,
    day date not null,
    -- Of service; 0 for a birthday.
    years smallint not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    visibility text not null check (visibility in ('public', 'private')),
    payout text not null,
    create_time timestamptz not null,
    primary key (organisation, person, occasion, year),
    foreign key (organisation, person) references people,
    foreign key (organisation, payout) references payouts,
    check ((occasion = 'birthday') = (years = 0))
);
create index celebrations_newest on celebrations (organisation, create_time desc, payout desc);
create unique index celebrations_payout on celebrations (organisation, payout);

create index people_birthdays on people (organisation, birth_month, birth_day)
    where active and birth_month is not null;
create index people_anniversaries on people (organisation, extract(month from start_date), extract(day from start_date))
    where active and start_date is not null;

grant select, insert, update on celebration_policies to :"runtime_role";
grant select, insert on celebrations to :"runtime_role";

-- What people can claim.
create table incentives (
    organisation text not null,
    incentive text not null,
    display_name text not null,
    award_budget text not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    -- Claims in a month; 0: any number.
    monthly_quantity integer not null check (monthly_quantity >= 0),
    monthly_quantity_per_person integer not null check (monthly_quantity_per_person >= 0),
    start_time timestamptz,
    end_time timestamptz,
    -- The one level of its chain; empty: nobody reviews.
    review jsonb not null,
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, incentive),
    foreign key (organisation, award_budget) references award_budgets,
    check (end_time > start_time)
);

create table claims (
    organisation text not null,
    claim text not null,
    incentive text not null,
    person text not null,
    -- The first day of the month whose quantity it counts for.
    month date not null,
    proof text not null,
    external_reference text not null,
    state text not null check (state in ('in_review', 'approved', 'rejected')),
    -- In review: who decides; empty: whoever has the role.
    reviewer text not null,
    decided_by text not null default '',
    right_of text not null default '',
    comment text not null default '',
    payout text,
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, claim),
    foreign key (organisation, incentive) references incentives,
    foreign key (organisation, person) references people,
    foreign key (organisation, payout) references payouts,
    check ((state = 'approved') = (payout is not null)),
    check (payout = claim)
);
create unique index claims_reference on claims (organisation, incentive, external_reference)
    where external_reference <> '' and state <> 'rejected';
create index claims_of_month on claims (organisation, incentive, month, person) where state <> 'rejected';

grant select, insert, update on incentives, claims to :"runtime_role";
