-- Rewards, what is left of them, and redemptions.

create table rewards (
    program text not null,
    id text not null,
    title text not null,
    description text not null,
    unit text not null,
    price bigint not null check (price > 0),
    fulfilment text not null check (fulfilment in ('STOCK', 'UNLIMITED', 'CODE_POOL')),
    limit_per_account int not null check (limit_per_account >= 0),
    state text not null check (state in ('DRAFT', 'ACTIVE', 'PAUSED')),
    create_time timestamptz not null,
    primary key (program, id)
);
-- What an account is shown: by unit, the cheapest first.
create index rewards_on_offer on rewards (program, unit, price, id) where state = 'ACTIVE';

-- Apart from the rewards, because a sought-after one changes with every redemption: small rows with room to be
-- updated within their page.
create table stock (
    program text not null,
    reward text not null,
    available bigint not null check (available >= 0),
    primary key (program, reward),
    foreign key (program, reward) references rewards (program, id)
) with (fillfactor = 50);

create table codes (
    id bigint generated always as identity primary key,
    program text not null,
    reward text not null,
    -- Keyed: finds a second copy, and tells nothing to whoever lacks the key.
    digest bytea not null,
    key_id text not null,
    sealed bytea not null,
    -- The redemption that has it. A code has one, and a redemption has one code.
    redemption text,
    unique (program, digest),
    foreign key (program, reward) references rewards (program, id)
);
create index codes_free on codes (program, reward, id) where redemption is null;
create unique index codes_taken on codes (program, redemption) where redemption is not null;

-- How many redemptions of a reward an account has, where the reward limits them.
create table takings (
    program text not null,
    reward text not null,
    account text not null,
    taken int not null check (taken >= 0),
    primary key (program, reward, account),
    foreign key (program, reward) references rewards (program, id)
);

create table redemptions (
    program text not null,
    id text not null,
    reward text not null,
    account text not null,
    title text not null,
    unit text not null,
    price bigint not null check (price > 0),
    fulfilment text not null,
    limit_per_account int not null,
    actor text not null,
    request_key bytea not null,
    create_time timestamptz not null,
    hold_expire_time timestamptz not null,
    state text not null check (state in ('PENDING', 'POINTS_HELD', 'STOCK_RESERVED', 'CAPTURED', 'ISSUED',
                                         'FULFILLED', 'FAILED', 'CANCELLED', 'REFUNDED', 'REFUND_REFUSED')),
    failure_reason text,
    failure_metadata jsonb,
    hold text not null default '',
    transaction text not null default '',
    refund_transaction text not null default '',
    update_time timestamptz not null,
    -- When the recovery loop takes it up; null while it rests.
    due_time timestamptz,
    attempts int not null default 0,
    primary key (program, id),
    foreign key (program, reward) references rewards (program, id),
    check ((failure_reason is null) = (failure_metadata is null)),
    check (state not in ('FAILED', 'REFUND_REFUSED') or failure_reason is not null),
    -- Points that were spent are spent for something, and are given back by one transaction.
    check (state not in ('CAPTURED', 'ISSUED', 'FULFILLED', 'CANCELLED', 'REFUNDED', 'REFUND_REFUSED')
           or transaction <> ''),
    check ((state = 'REFUNDED') = (refund_transaction <> ''))
);
create index redemptions_newest on redemptions (program, create_time desc, id desc);
create index redemptions_of_account on redemptions (program, account, create_time desc, id desc);
create index redemptions_due on redemptions (due_time) where due_time is not null;

-- Who changed what, beside the redemptions, which keep who made them. Only ever added to.
create table changes (
    id bigint generated always as identity primary key,
    program text not null,
    -- The reward or the redemption.
    subject text not null,
    change text not null check (change in ('CREATED', 'ACTIVATED', 'PAUSED', 'STOCK_ADDED', 'CODES_ADDED',
                                           'HANDED_OVER', 'CANCELLED')),
    -- How many pieces or codes; 0 where nothing is counted.
    amount bigint not null,
    actor text not null,
    time timestamptz not null
);
create index changes_of_subject on changes (program, subject, id);

grant select, insert on rewards, stock, codes, takings, redemptions, changes to :"runtime_role";
-- What a redemption was made under does not change, and a code stays what it is.
grant update (state) on rewards to :"runtime_role";
grant update (available) on stock to :"runtime_role";
grant update (redemption) on codes to :"runtime_role";
grant update (taken) on takings to :"runtime_role";
grant update (state, failure_reason, failure_metadata, hold, transaction, refund_transaction, update_time, due_time,
              attempts) on redemptions to :"runtime_role";
