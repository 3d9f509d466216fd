-- What each person was granted to give.

create table allowances (
    organisation text not null,
    person text not null,
    -- The month's first day. One row for each person and month: the allowance is granted once.
    period date not null,
    amount bigint not null check (amount between 1 and 9007199254740992),
    available_time timestamptz not null,
    expire_time timestamptz not null,
    state text not null default 'pending' check (state in ('pending', 'posted', 'lapsed')),
    -- When it is (or was last) due to be posted.
    due_time timestamptz not null,
    attempts integer not null default 0,
    -- Why the ledger last refused.
    refusal text not null default '',
    primary key (organisation, person, period),
    foreign key (organisation, person) references people
);
create index allowances_due on allowances (due_time) where state = 'pending';
create index allowances_unposted on allowances (organisation, period) where state = 'pending';

grant select, insert, update on allowances to :"runtime_role";
