-- What the ledger recorded of each organisation's points, counted program by program from the ledger's transactions.

-- Up to when the transactions of a program are counted. Where that took more than one look, `until_time` and `page_token`
-- say what is under way; the figures are those of a part of it until it is done.
create table journal_positions (
    program text primary key,
    counted_time timestamptz not null,
    until_time timestamptz check (until_time > counted_time),
    page_token text not null default '',
    due_time timestamptz not null,
    attempts integer not null default 0,
    check ((until_time is null) = (page_token = ''))
);
create index journal_positions_due on journal_positions (due_time);

-- Nothing moved before the organisation was there; the clocks of two servers may differ.
insert into journal_positions (program, counted_time, due_time)
select program, min(create_time) - interval '1 hour', now()
from organisations
group by program;

-- How many points moved from where to where, of one kind, in a month of the organisation's zone.
create table point_flows (
    organisation text not null references organisations,
    -- Its first day.
    month date not null,
    kind text not null,
    source text not null,
    destination text not null,
    amount bigint not null check (amount > 0),
    primary key (organisation, month, kind, source, destination)
);

-- What people redeemed, and what was given back of it (below zero).
create table redemptions (
    organisation text not null,
    -- The first day of the month, of the organisation's zone, in which the ledger recorded it.
    month date not null,
    person text not null,
    transaction text not null,
    points bigint not null check (points <> 0),
    record_time timestamptz not null,
    primary key (organisation, month, person, transaction),
    foreign key (organisation, person) references people
);
create index redemptions_in_order on redemptions (organisation, month, record_time, transaction, person);

create index people_allowance_account on people (organisation, allowance_account);
create index people_rewards_account on people (organisation, rewards_account);
create index disbursements_boosts on disbursements (organisation, transaction) where doing = 'boost';

-- The first day of the oldest month that is billed and has no final statement; null of those that are prepaid.
alter table budget_terms add column unbilled_month date;
update budget_terms
set unbilled_month = coalesce(
    (
        select (max(month) + interval '1 month')::date
        from billing_statements
        where billing_statements.organisation = budget_terms.organisation
    ),
    (
        select date_trunc('month', organisations.create_time at time zone time_zone)::date
        from organisations
        where organisations.organisation = budget_terms.organisation
    )
)
where mode = 'billed_on_redemption';
alter table budget_terms add check ((mode = 'prepaid') = (unbilled_month is null));
create index budget_terms_unbilled on budget_terms (unbilled_month) where unbilled_month is not null;

grant select, insert, update on journal_positions, point_flows to :"runtime_role";
grant select, insert on redemptions to :"runtime_role";
