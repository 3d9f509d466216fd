-- What becomes of what leavers have earned.

create table leaver_policies (
    organisation text primary key references organisations,
    mode text not null check (mode in ('keep', 'pay_out')),
    -- For how many days it is kept; null: for ever.
    days smallint check (days between 0 and 3660),
    actor text not null,
    update_time timestamptz not null,
    check (mode = 'keep' or days is not null),
    check (mode = 'pay_out' or days > 0)
);

-- Each time that somebody left, with what held then.
create table leavings (
    organisation text not null,
    person text not null,
    leave_time timestamptz not null,
    mode text not null check (mode in ('keep', 'pay_out')),
    days smallint check (days between 0 and 3660),
    return_time timestamptz check (return_time > leave_time),
    -- When it is looked whether something is to be settled; null: never.
    look_time timestamptz,
    attempts integer not null default 0,
    primary key (organisation, person, leave_time),
    foreign key (organisation, person) references people,
    check (mode = 'keep' or days is not null),
    check (days is not null or look_time is null)
);
create unique index leavings_open on leavings (organisation, person) where return_time is null;
create index leavings_due on leavings (look_time) where look_time is not null;
create index leavings_latest on leavings (organisation, leave_time desc, person desc);

-- Points that are taken off leavers.
create table leaver_settlements (
    organisation text not null,
    settlement text not null,
    person text not null,
    leave_time timestamptz not null,
    mode text not null check (mode in ('keep', 'pay_out')),
    amount bigint not null check (amount between 1 and 9007199254740992),
    country text not null,
    -- What is to be paid, in the currency's minor units, and what for each point; null: nothing, or nobody said.
    minor_units bigint check (minor_units >= 0),
    numerator bigint check (numerator between 1 and 1000000000),
    denominator bigint check (denominator between 1 and 1000000000),
    currency_code text not null check (currency_code ~ '^([A-Z]{3})?$'),
    state text not null default 'pending' check (state in ('pending', 'posted', 'refused')),
    create_time timestamptz not null,
    settle_time timestamptz,
    -- The ledger's, once posted.
    transaction text not null default '',
    -- Why the ledger refused.
    refusal text not null default '',
    primary key (organisation, settlement),
    foreign key (organisation, person, leave_time) references leavings,
    check ((state = 'posted') = (transaction <> '')),
    check ((state = 'refused') = (refusal <> '')),
    check ((state = 'pending') = (settle_time is null)),
    check ((minor_units is null) = (numerator is null) and (minor_units is null) = (denominator is null)),
    check ((minor_units is null) = (currency_code = '') and (mode = 'pay_out' or minor_units is null))
);
-- A person's points are taken once at a time, whoever looks.
create unique index leaver_settlements_pending on leaver_settlements (organisation, person) where state = 'pending';
create index leaver_settlements_posted on leaver_settlements (organisation, person, leave_time, settle_time)
    where state = 'posted';

-- Who has left keeps what they have, as nothing was said when they did.
insert into leavings (organisation, person, leave_time, mode)
select organisation, person, max(end_time), 'keep'
from people
join active_spans using (organisation, person)
where not active
group by organisation, person;

grant select, insert, update on leaver_policies, leavings, leaver_settlements to :"runtime_role";
