-- Rewards, what is left of them, and redemptions.

-- Who issues rewards that a program does not hand over itself.
create table providers (
    program text not null,
    id text not null,
    kind text not null check (kind in ('HTTP', 'SANDBOX')),
    url text not null check ((url <> '') = (kind = 'HTTP')),
    max_orders int not null check (max_orders > 0),
    actor text not null,
    create_time timestamptz not null,
    primary key (program, id)
);

-- What a provider and the service sign with, sealed as codes are. One has no end, and is the current one.
create table provider_secrets (
    program text not null,
    provider text not null,
    version int not null check (version > 0),
    digest bytea not null,
    key_id text not null,
    sealed bytea not null,
    create_time timestamptz not null,
    end_time timestamptz,
    primary key (program, provider, version),
    foreign key (program, provider) references providers (program, id)
);
create unique index provider_secrets_current on provider_secrets (program, provider) where end_time is null;

grant select, insert on providers, provider_secrets to :"runtime_role";
grant update (url, max_orders) on providers to :"runtime_role";
grant update (end_time) on provider_secrets to :"runtime_role";

-- What currency the wallets of a unit are of: that of the first reward that paid into them.
create table wallet_units (
    program text not null,
    unit text not null,
    currency text not null,
    primary key (program, unit)
);

grant select, insert on wallet_units to :"runtime_role";

create table rewards (
    program text not null,
    id text not null,
    version int not null check (version > 0),
    title text not null,
    description text not null,
    -- {"de": {"title": "…", "description": "…"}}
    localizations jsonb not null,
    -- All titles as they are searched.
    titles text not null,
    image_uri text not null,
    category text not null,
    terms text not null,
    -- What it is, and what that kind needs; null where the catalog does not know.
    kind text,
    kind_details jsonb,
    unit text not null,
    price bigint not null check (price > 0),
    -- Money that is paid besides, and how points may become more of it: from min_points up to the price, step_cash for
    -- each step_points that are left out. Minor units of cash_currency.
    cash bigint check (cash > 0),
    min_points bigint not null check (min_points between 1 and price),
    step_points bigint check (step_points > 0),
    step_cash bigint check (step_cash > 0),
    cash_currency text check (cash_currency ~ '^[A-Z]{3}$'),
    -- Whom it is for; none: everybody.
    tiers text[] not null default '{}',
    segments text[] not null default '{}',
    fulfilment text not null check (fulfilment in ('STOCK', 'UNLIMITED', 'CODE_POOL', 'PROVIDER')),
    -- Who issues it.
    provider text,
    limit_per_account int not null check (limit_per_account >= 0),
    limit_per_period int not null check (limit_per_period >= 0),
    limit_period text check (limit_period in ('DAY', 'WEEK', 'MONTH')),
    limit_in_all bigint not null check (limit_in_all >= 0),
    refund_policy text not null check (refund_policy in ('NONE', 'WHOLE', 'PARTIAL')),
    refund_days int not null check (refund_days >= 0),
    start_time timestamptz,
    end_time timestamptz check (end_time > start_time),
    time_zone text not null,
    state text not null check (state in ('DRAFT', 'ACTIVE', 'PAUSED', 'ARCHIVED')),
    create_time timestamptz not null,
    update_time timestamptz not null,
    primary key (program, id),
    check ((kind is null) = (kind_details is null)),
    check ((step_points is null) = (step_cash is null)),
    -- Of a partner transfer, any number of points from min_points on is sent.
    check ((step_points is null) = (min_points = price) or kind is not distinct from 'PARTNER_TRANSFER'),
    check (kind is distinct from 'PARTNER_TRANSFER'
           or (cash is null and step_points is null and refund_policy = 'NONE' and fulfilment in ('STOCK', 'UNLIMITED'))),
    check ((price - min_points) % step_points = 0),
    check ((cash_currency is null) = (cash is null and step_cash is null)),
    check ((limit_period is null) = (limit_per_period = 0)),
    -- What is not counted has no row that a limit of all accounts could be decided on.
    check (fulfilment in ('STOCK', 'CODE_POOL') or limit_in_all = 0),
    check ((fulfilment = 'PROVIDER') = (provider is not null)),
    foreign key (program, provider) references providers (program, id),
    -- A code that was seen cannot be handed back.
    check (fulfilment <> 'CODE_POOL' or refund_policy = 'NONE')
);
-- What an account is shown: by unit and price, or the newest first. Filters look at what comes by in this order; a
-- program's catalog is small enough for that.
create index rewards_on_offer on rewards (program, unit, price, id) where state = 'ACTIVE';
create index rewards_newest on rewards (program, unit, create_time, id) where state = 'ACTIVE';

-- Every version of every reward, as it was when it was made: what redemptions were made under. Nobody changes it.
create table reward_versions (like rewards, primary key (program, id, version));

create function keep_version() returns trigger language plpgsql security definer set search_path from current as
$$ begin insert into reward_versions select new.*; return null; end $$;
create trigger rewards_keep_versions after insert or update of version on rewards
for each row execute function keep_version();

create function refuse_unversioned() returns trigger language plpgsql as
$$ begin raise exception 'a reward changes by its next version, except for its state' using errcode = 'raise_exception'; end $$;
create trigger rewards_change_by_versions before update on rewards for each row
when (
    to_jsonb(new) - 'state' is distinct from to_jsonb(old) - 'state'
    and (
        new.version <> old.version + 1
        -- What it is, what it counts and how it is handed over is given for ever.
        or (new.kind, new.kind_details, new.unit, new.fulfilment, new.time_zone, new.create_time)
        is distinct from (old.kind, old.kind_details, old.unit, old.fulfilment, old.time_zone, old.create_time)
    )
) execute function refuse_unversioned();

-- Apart from the rewards, because a sought-after one changes with every redemption: small rows with room to be
-- updated within their page.
create table stock (
    program text not null,
    reward text not null,
    available bigint not null check (available >= 0),
    -- How many redemptions there are that did not fail and were not cancelled.
    redeemed bigint not null default 0 check (redeemed >= 0),
    primary key (program, reward),
    foreign key (program, reward) references rewards (program, id)
) with (fillfactor = 50);

-- Rewards with what is left of them.
create view stocked_rewards as
select
    rewards.program, id, version, title, description, localizations, titles, image_uri, category, terms, kind,
    kind_details, unit, price, cash, min_points, step_points, step_cash, cash_currency, tiers, segments, fulfilment,
    provider, limit_per_account, limit_per_period, limit_period, limit_in_all, refund_policy, refund_days, start_time, end_time, time_zone, state, coalesce(available, 0) as available,
    coalesce(redeemed, 0) as redeemed, create_time, update_time
from rewards
left join stock on stock.program = rewards.program and stock.reward = rewards.id;

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

-- How many redemptions of a reward an account has, counted without a limit too: one may come later. Its row is also
-- what an account's redemptions queue for that a limit in each period counts.
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
    reward_version int not null,
    account text not null,
    title text not null,
    unit text not null,
    -- 0 where it was given.
    price bigint not null check (price >= 0),
    -- Money that it costs besides, until when that can be confirmed, and what those call it who took it.
    cash bigint check (cash > 0),
    cash_currency text check (cash_currency ~ '^[A-Z]{3}$'),
    -- What a cashback or a discount comes to.
    value bigint check (value > 0),
    value_currency text check (value_currency ~ '^[A-Z]{3}$'),
    payment_end_time timestamptz,
    payment text not null default '',
    fulfilment text not null,
    actor text not null,
    request_key bytea not null,
    create_time timestamptz not null,
    hold_expire_time timestamptz not null,
    state text not null check (state in ('PENDING', 'POINTS_HELD', 'STOCK_RESERVED', 'CAPTURED', 'ISSUED',
                                         'FULFILLED', 'FAILED', 'CANCELLED', 'REFUNDED', 'REFUND_REFUSED',
                                         'REFUNDING', 'AWAITING_PAYMENT', 'PAID', 'FULFILMENT_UNKNOWN', 'FULFILMENT_FAILED',
                                         'EXCHANGING')),
    failure_reason text,
    failure_metadata jsonb,
    hold text not null default '',
    -- How many points the hold has to leave, at which version of the account that was found, and until when it holds.
    locked_points bigint check (locked_points >= 0),
    locked_version bigint check ((locked_version is null) = (locked_points is null)),
    locked_until timestamptz check (locked_until is null or locked_points is not null),
    transaction text not null default '',
    -- The account that the value is paid into, or taken out of where the member was merged, and the transaction that paid it.
    wallet text not null,
    credit text not null default '',
    -- Of a partner transfer: the member's account at the partner, and how many points have to arrive there; the quote that
    -- is being executed, and what it brings; how many quotes lapsed before; whether the execution was asked for once (1) or more often (2).
    destination text not null default '',
    least_received bigint not null default 0 check (least_received >= 0),
    quote text not null default '',
    received bigint not null default 0 check ((received > 0) = (quote <> '')),
    lapsed_quotes int not null default 0 check (lapsed_quotes >= 0),
    exchange_asks int not null default 0 check (exchange_asks between 0 and 2 and (exchange_asks > 0) = (quote <> '')),
    refund_transaction text not null default '',
    -- Points on their way back, points that went back, and how many refunds were begun after it was handed over.
    refunding bigint not null default 0 check (refunding >= 0),
    refunded bigint not null default 0 check (refunded >= 0),
    refunds int not null default 0,
    fulfil_time timestamptz,
    -- How often its provider was asked without a decision, and when it is asked again.
    asks int not null default 0 check (asks >= 0),
    ask_time timestamptz,
    update_time timestamptz not null,
    -- When the recovery loop takes it up; null while it rests.
    due_time timestamptz,
    attempts int not null default 0,
    primary key (program, id),
    foreign key (program, reward, reward_version) references reward_versions (program, id, version),
    check ((failure_reason is null) = (failure_metadata is null)),
    check ((value is null) = (value_currency is null)),
    -- What costs money is not spent before that is there.
    check (num_nulls(cash, cash_currency, payment_end_time) in (0, 3)),
    check (cash is not null or (payment = '' and state not in ('AWAITING_PAYMENT', 'PAID'))),
    check (cash is null or state <> 'STOCK_RESERVED'),
    check (cash is null or payment <> '' or state in ('PENDING', 'POINTS_HELD', 'AWAITING_PAYMENT', 'FAILED')),
    check (state not in ('FAILED', 'REFUND_REFUSED', 'FULFILMENT_FAILED') or failure_reason is not null),
    check (wallet = '' or value is not null),
    check (credit = '' or wallet <> ''),
    check ((credit = '') = (wallet = '') or state not in ('FULFILLED', 'REFUNDING')),
    -- Points that were spent are spent for something, and are given back by one transaction.
    check (state not in ('CAPTURED', 'ISSUED', 'FULFILLED', 'CANCELLED', 'REFUNDED', 'REFUND_REFUSED',
                         'REFUNDING', 'FULFILMENT_UNKNOWN', 'FULFILMENT_FAILED')
           or (transaction <> '') = (price > 0)),
    check (state not in ('FULFILMENT_UNKNOWN', 'FULFILMENT_FAILED') or fulfilment = 'PROVIDER' or wallet <> ''),
    check (state <> 'FULFILMENT_UNKNOWN' or ask_time is not null),
    check ((refunded > 0) = (refund_transaction <> '')),
    check (refunded + refunding <= price),
    check (price = 0 or (state = 'REFUNDED') = (refunded = price)),
    check (price > 0 or hold = '' and cash is null and wallet = ''),
    -- What the coalition exchanges is neither held nor refunded here.
    check (destination <> '' or (least_received = 0 and quote = '' and lapsed_quotes = 0 and state <> 'EXCHANGING')),
    check (destination = '' or state in ('PENDING', 'EXCHANGING', 'FULFILLED', 'FAILED')),
    check (destination = '' or (hold = '' and cash is null and wallet = '' and price > 0)),
    check (destination = '' or state <> 'FULFILLED' or quote <> ''),
    check (state <> 'REFUNDING' or refunding > 0),
    check (state not in ('FULFILLED', 'REFUNDING') or fulfil_time is not null)
);
create index redemptions_newest on redemptions (program, create_time desc, id desc);
create index redemptions_of_account on redemptions (program, account, create_time desc, id desc);
-- How many an account made in a period.
create index redemptions_of_reward on redemptions (program, reward, account, create_time);
create index redemptions_due on redemptions (due_time)
where due_time is not null and state not in ('FULFILMENT_UNKNOWN', 'EXCHANGING');
create index redemptions_to_ask on redemptions (due_time)
where due_time is not null and state in ('FULFILMENT_UNKNOWN', 'EXCHANGING');
-- A quote is executed for one redemption.
create unique index redemptions_of_quote on redemptions (quote) where quote <> '';

-- When vouchers of a reward can be used. Only ever added to: a voucher has the terms that were in force when its
-- redemption was made.
create table voucher_terms (
    program text not null,
    reward text not null,
    version int not null check (version > 0),
    start_time timestamptz,
    end_time timestamptz,
    valid_for interval check (valid_for > interval '0'),
    cancellable boolean not null,
    actor text not null,
    create_time timestamptz not null,
    primary key (program, reward, version),
    foreign key (program, reward) references rewards (program, id),
    check (start_time < end_time)
);

-- Codes that were issued, by the redemption that they were issued for.
create table vouchers (
    program text not null,
    id text not null,
    currency text check (currency ~ '^[A-Z]{3}$'),
    value bigint check (value > 0),
    -- What is left of the value; null where the voucher is used as a whole.
    balance bigint check (balance between 0 and value),
    cancellable boolean not null,
    start_time timestamptz not null,
    end_time timestamptz,
    state text not null check (state in ('ISSUED', 'REDEEMED', 'VOID')),
    create_time timestamptz not null,
    primary key (program, id),
    foreign key (program, id) references redemptions (program, id),
    check ((currency is null) = (value is null)),
    check ((value is null) = (balance is null)),
    -- Used up is used up, and only what was not touched can be void.
    check (balance is null or (state = 'REDEEMED') = (balance = 0)),
    check (balance is null or state <> 'VOID' or balance = value)
);

create table voucher_uses (
    program text not null,
    voucher text not null,
    id text not null,
    -- What was taken off the balance, and what was left; null where the voucher was used as a whole.
    amount bigint check (amount > 0),
    balance bigint check (balance >= 0),
    store text not null,
    terminal text not null,
    cashier text not null,
    actor text not null,
    create_time timestamptz not null,
    undo_end_time timestamptz not null,
    undo_time timestamptz,
    undo_store text,
    undo_terminal text,
    undo_cashier text,
    undo_actor text,
    primary key (program, voucher, id),
    foreign key (program, voucher) references vouchers (program, id),
    check ((amount is null) = (balance is null)),
    check (num_nulls(undo_time, undo_store, undo_terminal, undo_cashier, undo_actor) in (0, 5))
);
-- What is used as a whole is used once.
create unique index voucher_uses_whole on voucher_uses (program, voucher) where amount is null and undo_time is null;
create index voucher_uses_newest on voucher_uses (program, voucher, create_time desc, id desc);

-- How many codes a caller has looked for in a minute. A crash may forget that.
create unlogged table lookups (
    program text not null,
    caller text not null,
    minute timestamptz not null,
    count int not null,
    primary key (program, caller)
) with (fillfactor = 50);

-- What members have come to support with.
create table cases (
    program text not null,
    id text not null,
    member text not null,
    subject text not null,
    opener text not null,
    create_time timestamptz not null,
    closer text not null default '',
    close_time timestamptz,
    primary key (program, id),
    check ((close_time is null) = (closer = ''))
);
create index cases_newest on cases (program, create_time desc, id desc);
create index cases_of_member on cases (program, member, create_time desc, id desc);

-- How many points of a unit each agent may give alone in a day.
create table goodwill_limits (
    program text not null,
    unit text not null,
    daily_points bigint not null check (daily_points >= 0),
    primary key (program, unit)
);

-- What an agent's goodwill of a unit queues for, so that two at once are counted one after the other.
create table goodwill_agents (
    program text not null,
    unit text not null,
    agent text not null,
    primary key (program, unit, agent)
);

-- Points given in a case, each by one adjustment.
create table goodwill (
    program text not null,
    "case" text not null,
    id text not null,
    account text not null,
    unit text not null,
    points bigint not null check (points > 0),
    expire_time timestamptz,
    -- Without a second person.
    alone boolean not null,
    state text not null check (state in ('PENDING', 'GIVEN', 'PROPOSED', 'REJECTED', 'REFUSED')),
    transaction text not null default '',
    adjustment text not null default '',
    refusal text not null default '',
    agent text not null,
    create_time timestamptz not null,
    -- When the recovery loop takes it up; null while it rests.
    due_time timestamptz,
    attempts int not null default 0,
    primary key (program, "case", id),
    foreign key (program, "case") references cases (program, id),
    check ((state = 'GIVEN') = (transaction <> '')),
    check ((state = 'REFUSED') = (refusal <> '')),
    check (state not in ('PROPOSED', 'REJECTED') or adjustment <> ''),
    check (adjustment = '' or not alone),
    check ((state = 'PENDING') = (due_time is not null))
);
create index goodwill_of_agent on goodwill (program, unit, agent, create_time);
create index goodwill_due on goodwill (due_time) where due_time is not null;

grant select, insert on cases, goodwill_limits, goodwill_agents, goodwill to :"runtime_role";
grant update (closer, close_time) on cases to :"runtime_role";
grant update (daily_points) on goodwill_limits to :"runtime_role";
-- The row is locked, and says nothing more.
grant update (agent) on goodwill_agents to :"runtime_role";
grant update (alone, state, transaction, adjustment, refusal, due_time, attempts) on goodwill to :"runtime_role";

-- Who changed what, beside the redemptions, which keep who made them. Only ever added to.
create table changes (
    id bigint generated always as identity primary key,
    program text not null,
    -- The reward, the redemption, the provider, or the unit whose limit of goodwill it is.
    subject text not null,
    change text not null check (change in ('CREATED', 'UPDATED', 'ACTIVATED', 'PAUSED', 'ARCHIVED', 'STOCK_ADDED',
                                           'CODES_ADDED', 'CODES_GENERATED', 'HANDED_OVER', 'PAID', 'CANCELLED',
                                           'REFUNDED', 'SECRET_ROTATED', 'DECIDED', 'LIMIT_SET')),
    -- How many pieces, codes or points, which version, or which limit; 0 where nothing is counted.
    amount bigint not null,
    actor text not null,
    time timestamptz not null
);
create index changes_of_subject on changes (program, subject, id);

grant select, insert on rewards, stock, codes, takings, redemptions, changes to :"runtime_role";
grant select, insert on voucher_terms, vouchers, voucher_uses, lookups to :"runtime_role";
-- What a redemption was made under does not change, and a code stays what it is.
grant select on reward_versions, stocked_rewards to :"runtime_role";
grant update (
    version, title, description, localizations, titles, image_uri, category, terms, price, cash, min_points, step_points,
    step_cash, cash_currency, tiers, segments, limit_per_account, limit_per_period,
    limit_period, limit_in_all, refund_policy, refund_days, provider, start_time, end_time, state, update_time
) on rewards to :"runtime_role";
grant update (available, redeemed) on stock to :"runtime_role";
grant update (redemption) on codes to :"runtime_role";
grant update (taken) on takings to :"runtime_role";
grant update (state, failure_reason, failure_metadata, hold, locked_points, locked_version, locked_until, transaction, credit,
              wallet, price, quote, received, lapsed_quotes, exchange_asks,
              refund_transaction, payment, refunding,
              refunded, refunds, fulfil_time, asks, ask_time, update_time, due_time, attempts) on redemptions to :"runtime_role";
grant update (balance, state) on vouchers to :"runtime_role";
grant update (undo_time, undo_store, undo_terminal, undo_cashier, undo_actor) on voucher_uses to :"runtime_role";
grant update (minute, count) on lookups to :"runtime_role";
