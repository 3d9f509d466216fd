-- Programs, their members, what these bought, earned and returned, and the postings still on their way to the ledger.
-- Ids that callers give compare by bytes: the order is the same everywhere, and Python's.

create table programs (
    program_no integer generated always as identity primary key,
    program_id text collate "C" not null unique,
    unit_id text not null,
    currency_code text not null,
    time_zone text not null,
    welcome_points bigint not null check (welcome_points >= 0),
    claim_days smallint not null check (claim_days >= 0),
    return_wait_days smallint not null check (return_wait_days > 0),
    expiry_reminder_days smallint[] not null,
    -- When points expire, if they do: months, period's end, kind, month and day, 0 where there is none.
    expiry smallint[] check (array_length(expiry, 1) = 5 and expiry[1] >= 0),
    -- The domain's TierPolicy.
    tier_metric smallint not null,
    tier_period smallint not null,
    tier_counted_after_days smallint not null,
    tier_downgrade smallint not null,
    tier_grace_days smallint not null,
    mild_returns boolean not null,
    -- Whether member_purchases is written.
    purchase_statistics boolean not null,
    -- For how long what comes late has later events of its member rated anew.
    late_days smallint not null check (late_days >= 0),
    -- The latest revision of the rules, which whoever rates purchases has to know.
    rules_revision integer not null,
    -- Whether a return may be waiting for its purchase: whoever records purchases then looks for it.
    returns_wait boolean not null default false,
    -- For how many days goods can be brought back; 0: it is not said.
    return_window_days smallint not null check (return_window_days >= 0),
    -- Whether points of purchases can become cash while the goods can be brought back.
    never_locked boolean not null,
    -- When points of purchases can first be spent, if not at once: days after, whether after the return window, and the
    -- event with the longest wait for it and whether they are released then.
    availability jsonb,
    -- The id of the reward that the catalog gives to who enrols; empty for none.
    welcome_reward text not null,
    create_time timestamptz not null,
    actor text not null
);

-- The tiers of a program, from level 1 on. The runtime role cannot change a row here.
create table tiers (
    program_no integer not null references programs,
    level smallint not null check (level between 1 and 31),
    tier_id text not null,
    threshold bigint not null,
    multiplier_numerator bigint not null,
    multiplier_denominator bigint not null check (multiplier_denominator > 0),
    primary key (program_no, level)
);

-- Each change of a program's rules is a version of one of them, under the program's next revision. A rule has the number
-- of the revision that made it. A purchase keeps by what it was rated; the runtime role cannot change a row here, so that
-- what rules said stays.
create table rule_versions (
    program_no integer not null references programs,
    revision integer not null check (revision > 0),
    rule_no integer not null,
    rule_id text collate "C" not null,
    version integer not null check (version > 0),
    definition jsonb not null,
    archived boolean not null,
    effective_time timestamptz not null,
    create_time timestamptz not null,
    actor text not null,
    primary key (program_no, revision),
    unique (program_no, rule_id, version),
    check ((version = 1) = (rule_no = revision)),
    foreign key (program_no, rule_no) references rule_versions (program_no, revision)
);

-- No foreign keys from here on to what a whole program shares: each insert would lock that one row.
create table members (
    member_no bigint generated always as identity primary key,
    program_no integer not null,
    member_id text collate "C" not null check (position('~' in member_id) = 0),
    state smallint not null,
    enroll_time timestamptz not null,
    welcome_points bigint not null check (welcome_points >= 0),
    welcome_expire_time timestamptz,
    -- Once POSTED: the ledger's, or empty where there was no bonus, or it had lapsed.
    welcome_transaction text check ((welcome_transaction is null) = (state = 1)),
    actor text not null,
    -- 1 closed, 2 erased, 3 merged into another member, who was merged into nobody.
    ended smallint check (ended in (1, 2, 3)),
    merged_into bigint check (merged_into <> member_no),
    -- Whether a referral by another member is open, which a purchase may qualify.
    referred boolean not null default false,
    -- Until when purchases may count for personal offers.
    offers_until timestamptz,
    unique (program_no, member_id),
    check ((merged_into is null) = (coalesce(ended, 0) <> 3))
) with (fillfactor = 80);
create index members_merged_into on members (merged_into) where merged_into is not null;

-- All that is known of a person, apart from what points depend on: to erase it is to delete one row, its contacts with
-- it. A member of whom nothing is known has none.
create table profiles (
    member_no bigint primary key,
    cards text[] not null,
    phone text not null,
    email text not null,
    external_id text not null,
    display_name text not null,
    birth_date date,
    sales_associate text not null,
    region_code text not null
);

-- Cards, telephone numbers, email addresses and external ids as they are compared: one member's at most.
create table contacts (
    program_no integer not null,
    kind smallint not null check (kind between 1 and 4),
    value text collate "C" not null check (value <> ''),
    member_no bigint not null references profiles on delete cascade,
    primary key (program_no, kind, value)
);
create index contacts_member_no on contacts (member_no);
-- Month and day: who has a birthday.
create index profiles_birthday on profiles ((extract(month from birth_date) * 100 + extract(day from birth_date)))
where birth_date is not null;

-- The contacts of members who left, whose profiles are still known: who comes back as somebody's friend is known by them.
create table former_contacts (
    program_no integer not null,
    kind smallint not null,
    value text collate "C" not null,
    member_no bigint not null references profiles on delete cascade,
    primary key (program_no, kind, value, member_no)
);
create index former_contacts_member_no on former_contacts (member_no);

-- By what members consent to spend: scrypt of the PIN and the salt, and how often one was tried since the last right one.
create table pins (
    member_no bigint primary key,
    salt bytea not null,
    hash bytea not null,
    tries smallint not null default 0 check (tries between 0 and 5)
);

-- The latest code that a member was sent to consent with: scrypt of it and the salt, NULL once it was used. When those of the
-- last hour were made, for the limit.
create table consent_codes (
    member_no bigint primary key,
    salt bytea,
    hash bytea check ((hash is null) = (salt is null)),
    tries smallint not null default 0 check (tries between 0 and 3),
    expire_time timestamptz not null,
    made_times timestamptz[] not null check (cardinality(made_times) between 1 and 5)
);

-- The latest token that a member's app shows to consent: its SHA-256. One that was used is deleted.
create table consent_tokens (
    member_no bigint primary key,
    hash bytea not null,
    expire_time timestamptz not null
);

-- The requests that brought personal data: their records have digests of it, and go with it.
create table profile_requests (
    member_no bigint not null,
    key bytea not null,
    primary key (member_no, key)
);

-- What a member's purchases earned in a calendar year of the program's zone, less returns: what tiers go by. Written
-- under the lock on the member's row.
create table member_years (
    member_no bigint not null,
    year smallint not null,
    points bigint not null check (points >= 0),
    primary key (member_no, year)
) with (fillfactor = 80);

-- What counts towards tiers where single days matter: points, minor units or visits by the local day of the purchase,
-- less returns. Written under the lock on the member's row; programs that count points by calendar years have none.
create table member_days (
    member_no bigint not null,
    day date not null,
    amount bigint not null check (amount >= 0),
    primary key (member_no, day)
) with (fillfactor = 80);

-- What a member bought in a calendar year of the program's zone, in programs that count it: purchases of which something
-- is kept, and minor units less returns. Written under the lock on the member's row.
create table member_purchases (
    member_no bigint not null,
    year smallint not null,
    purchases bigint not null check (purchases >= 0),
    spend bigint not null check (spend >= 0),
    -- The time of the latest one, also where it was returned.
    last_time timestamptz not null,
    primary key (member_no, year)
) with (fillfactor = 80);

-- What was told of a member's tier where single days matter: the level, until when it is kept, and the day up to which
-- all is told. It is looked at when it is due.
create table member_tiers (
    member_no bigint primary key,
    program_no integer not null,
    level smallint not null,
    end_day date,
    seen_day date not null,
    due_time timestamptz,
    attempts integer not null default 0
) with (fillfactor = 80);
create index member_tiers_due_time on member_tiers (due_time) where due_time is not null;
create index member_tiers_level on member_tiers (program_no, level);

-- Where calendar years tell the tiers: the year whose end is told next, and the last member of whom it is told.
create table year_ends (
    program_no integer primary key,
    year smallint not null,
    after_member_no bigint not null default 0,
    due_time timestamptz not null,
    attempts integer not null default 0
);

-- What rules have counted of a member for their caps, by the day, week, month or year that begins at `start`; of period 0,
-- the latest event time in microseconds, for a cooldown. Written under the lock on the member's row.
create table rule_uses (
    member_no bigint not null,
    rule_no integer not null,
    period smallint not null,
    start integer not null,
    used bigint not null check (used > 0 or period = 0),
    primary key (member_no, rule_no, period, start)
) with (fillfactor = 80);

-- Campaigns. Each change takes the program's next revision of rules, so that whoever rates purchases learns of it as of a
-- rule; a campaign has the number of the revision that made it.
create table campaigns (
    program_no integer not null references programs,
    campaign_no integer not null,
    revision integer not null check (revision >= campaign_no),
    campaign_id text collate "C" not null,
    display_name text not null,
    start_time timestamptz not null,
    end_time timestamptz check (end_time >= start_time),
    budget bigint not null check (budget >= 0),
    -- Whether the budget is of awards instead of points.
    counts_awards boolean not null,
    holdout_numerator integer not null check (holdout_numerator >= 0),
    holdout_denominator integer not null check (holdout_denominator > holdout_numerator),
    archived boolean not null default false,
    create_time timestamptz not null,
    actor text not null,
    primary key (program_no, campaign_no),
    unique (program_no, campaign_id)
);

-- The budget of a campaign, in slices: purchases that are recorded at once take from different ones, and do not wait for
-- each other.
create table campaign_budgets (
    program_no integer not null,
    campaign_no integer not null,
    slice smallint not null,
    points bigint not null,
    spent bigint not null default 0 check (spent between 0 and points),
    primary key (program_no, campaign_no, slice),
    foreign key (program_no, campaign_no) references campaigns
) with (fillfactor = 50);

-- What members bought within campaigns' windows, and what the campaigns gave them. Written under the lock on the member's
-- row.
create table campaign_members (
    program_no integer not null,
    campaign_no integer not null,
    member_no bigint not null,
    held_out boolean not null,
    purchases bigint not null,
    amount bigint not null,
    returned_amount bigint not null default 0 check (returned_amount between 0 and amount),
    awarded_purchases bigint not null,
    points bigint not null check (points >= 0),
    primary key (program_no, campaign_no, member_no)
) with (fillfactor = 80);

-- What rules that count have counted of a member, and how many of the awards that this came to are given and not taken
-- back. Written under the lock on the member's row.
create table rule_counts (
    member_no bigint not null,
    rule_no integer not null,
    counted bigint not null check (counted >= 0),
    given bigint not null check (given >= 0),
    -- The awards that are reached and not given yet: with which purchase, the points of each, how many.
    owed jsonb not null,
    primary key (member_no, rule_no)
) with (fillfactor = 80);

-- What a purchase counts for such rules, less returns, and what the rule had counted with it.
create table counted_purchases (
    program_no integer not null,
    purchase_id text collate "C" not null,
    rule_no integer not null,
    -- The rule's count: whether of pieces, the number, and whether it begins anew.
    count jsonb not null,
    counts bigint not null check (counts >= 0),
    reached bigint not null check (reached >= counts),
    -- The awards that it completed, in points, and whether the campaign's budget did not cover any.
    awards bigint[] not null,
    uncovered boolean not null,
    primary key (program_no, purchase_id, rule_no)
);

-- The awards for counts, each a bonus `c-` and its number, if it is worth any points. `purchase_id` is the purchase with
-- which it was reached.
create table count_awards (
    award_no bigint generated always as identity primary key,
    program_no integer not null,
    member_no bigint not null,
    rule_no integer not null,
    purchase_id text collate "C" not null,
    points bigint not null check (points >= 0),
    revoked boolean not null default false
);
create index count_awards_member_no on count_awards (member_no, rule_no, award_no) where not revoked;

-- `state` is that of the recording: what became of a PENDING purchase stands in its settlement, so that bringing a
-- thousand purchases to the ledger writes one row here and does not write each of them again.
create table purchases (
    program_no integer not null,
    purchase_id text collate "C" not null,
    member_no bigint not null,
    event_time timestamptz not null,
    record_time timestamptz not null,
    amount bigint not null check (amount >= 0),
    -- By what plain terms it was rated: 32 times the revision of its rule, and the tier level. NULL where `ratings` has it.
    terms integer,
    base_points bigint not null check (base_points >= 0),
    tier_points bigint not null check (tier_points >= 0),
    -- By multipliers and bonuses of rules.
    rule_points bigint not null default 0 check (rule_points >= 0),
    expire_time timestamptz,
    actor text not null,
    state smallint not null,
    delivery_no bigint,
    -- From 1, among those of the delivery.
    place smallint,
    returned_amount bigint not null default 0 check (returned_amount between 0 and amount),
    returned_points bigint not null default 0 check (returned_points between 0 and base_points + tier_points + rule_points),
    -- What the ledger was asked for under the purchase's own id, where that is not the award: late events have changed that
    -- since, or other tranches have the rest.
    credited_points bigint,
    -- When what the ledger was asked for can first be spent; NULL for at once.
    available_time timestamptz check (available_time < expire_time),
    -- 1 where the award was flagged, 2 where it was held for it: what became of it stands in its flag.
    flag smallint check (flag in (1, 2)),
    -- Whether its points are locked until the return window closes: in programs that lock any. NULL elsewhere, so that the
    -- index has no row of theirs.
    locks boolean check (locks),
    primary key (program_no, purchase_id),
    check ((delivery_no is null) = (place is null))
) with (fillfactor = 90);
create index purchases_locks on purchases (member_no, event_time) where locks;

-- Purchases of nobody known. One that is claimed is recorded as a member's, and deleted here. They lie apart so that every
-- purchase has a member, and imports need not look whether it has.
create table guest_purchases (
    program_no integer not null,
    purchase_id text collate "C" not null,
    event_time timestamptz not null,
    record_time timestamptz not null,
    amount bigint not null check (amount >= 0),
    -- NULL where it is an amount alone.
    basket jsonb,
    actor text not null,
    wrong_claims smallint not null default 0,
    primary key (program_no, purchase_id)
);

-- What a purchase was rated by, where that was more than a plain rule: its basket, and each rule with its terms and the
-- parts of the purchase that it works on. Frozen: its returns take by this, whatever becomes of the rules. Only what comes
-- late has it rated anew, by the rules of its time.
create table ratings (
    program_no integer not null,
    purchase_id text collate "C" not null,
    level smallint not null,
    basket jsonb,
    rated_by jsonb not null,
    primary key (program_no, purchase_id),
    foreign key (program_no, purchase_id) references purchases
);

-- What became of the purchases that were delivered together, by their places: the ledger's transaction, an empty text
-- where the points had expired, NULL where it is not settled yet.
create table settlements (
    delivery_no bigint primary key,
    transaction_ids text[] not null
);

-- What was awarded is changed only where the program has a lateness window, and what was awarded first stays known.
create function only_what_came_late() returns trigger language plpgsql as $$
begin
    if not exists (select from programs where program_no = old.program_no and late_days > 0) then
        raise insufficient_privilege using message = 'what was awarded stays';
    end if;
    return coalesce(new, old);
end
$$;
create trigger purchases_rerated
before update of terms, base_points, tier_points, rule_points, expire_time, credited_points, available_time on purchases
for each row execute function only_what_came_late();
create trigger ratings_rerated before update on ratings for each row execute function only_what_came_late();
create trigger counted_anew before delete on counted_purchases for each row execute function only_what_came_late();
create trigger count_awards_moved before update of purchase_id on count_awards
for each row execute function only_what_came_late();

-- What programs watch for; the latest revision of the rules that is one is in force.
create table velocity_policies (
    program_no integer not null references programs,
    revision integer not null,
    hold_flagged boolean not null,
    -- Of each limit the subject, the period, the most purchases and the most points.
    limits jsonb not null,
    create_time timestamptz not null,
    actor text not null,
    primary key (program_no, revision)
);

-- What was counted of a member (by number), a cashier or a terminal in the period with the number `start`. Whoever counts
-- holds the row until it is recorded, and waits for nothing after.
create table velocity_counts (
    program_no integer not null,
    subject smallint not null check (subject between 1 and 3),
    value text collate "C" not null,
    period smallint not null check (period between 1 and 3),
    start integer not null,
    purchases bigint not null check (purchases > 0),
    points bigint not null check (points >= 0),
    primary key (program_no, subject, value, period)
) with (fillfactor = 50);

-- Awards that passed limits: which with what was counted, and what became of them. 1 flagged, 2 held, 3 released,
-- 4 rejected; the last two once.
create table award_flags (
    program_no integer not null,
    purchase_id text collate "C" not null,
    member_no bigint not null,
    record_time timestamptz not null,
    passed jsonb not null,
    state smallint not null check (state between 1 and 4),
    decide_time timestamptz check ((decide_time is null) = (state < 3)),
    actor text check ((actor is null) = (state < 3)),
    reason text check ((reason is null) = (state < 3)),
    primary key (program_no, purchase_id),
    foreign key (program_no, purchase_id) references purchases deferrable initially deferred
);
create index award_flags_held on award_flags (program_no, purchase_id) where state = 2;
create index award_flags_member_no on award_flags (member_no);

-- Credits of purchases that wait for an event, by their places among the tranches of the award, 0 for the purchase's own;
-- and of released awards those that wait for their time, without an event. 1 waiting, 2 the event was told, 3 released as
-- the longest wait was over, 4 taken back then. While it waits it is looked at when it is due.
create table awaited_credits (
    program_no integer not null,
    purchase_id text collate "C" not null,
    tranche smallint not null check (tranche >= 0),
    member_no bigint not null,
    event text collate "C" not null,
    until timestamptz not null,
    released boolean not null check (released or event <> ''),
    state smallint not null default 1 check (state between 1 and 4),
    end_time timestamptz check ((end_time is null) = (state = 1)),
    actor text not null,
    due_time timestamptz check ((due_time is null) = (state > 1)),
    attempts integer not null default 0,
    primary key (program_no, purchase_id, tranche),
    foreign key (program_no, purchase_id) references purchases
);
create index awaited_credits_due_time on awaited_credits (due_time) where due_time is not null;
create index awaited_credits_member_no on awaited_credits (member_no) where state = 1;

-- What was told of purchases, each event once under its id, whether or not the purchase has arrived.
create table purchase_events (
    program_no integer not null,
    event_id text collate "C" not null,
    purchase_id text collate "C" not null,
    event text collate "C" not null,
    event_time timestamptz not null,
    record_time timestamptz not null,
    actor text not null,
    primary key (program_no, event_id)
);
create index purchase_events_purchase on purchase_events (program_no, purchase_id);

-- What of the points that a return takes is taken of the tranches of the award that are bonuses beside the purchase's own
-- credit, which gives the rest.
create table tranche_returns (
    program_no integer not null,
    purchase_id text collate "C" not null,
    -- The place of the tranche among those of the award, the purchase's own being 0.
    tranche smallint not null check (tranche > 0),
    -- Empty where it was taken back because the event that it waited for was not told.
    return_id text collate "C" not null,
    points bigint not null check (points > 0),
    primary key (program_no, purchase_id, tranche, return_id),
    foreign key (program_no, purchase_id) references purchases
);

-- What members bought and brought back, in the order in which it happened, with what of it counts: so that what comes
-- late can be put into its place. Written under the lock on the member's row, and only in programs with a lateness window.
create table timelines (
    member_no bigint not null,
    -- Of a return: not before its purchase's.
    event_time timestamptz not null,
    -- Empty for a purchase.
    return_id text collate "C" not null,
    purchase_id text collate "C" not null,
    -- Of the purchase's year.
    points bigint not null,
    -- Towards tiers, on the purchase's day.
    counts bigint not null,
    -- The rules that gave something.
    rule_nos integer[] not null,
    -- What it did to counts: of each rule its number, how many it counted, and the awards that were owed before, that were
    -- given and that fell.
    steps jsonb not null,
    primary key (member_no, event_time, return_id, purchase_id)
) with (fillfactor = 90);

-- What late events changed of purchases that had been rated: awards, and what returns took of them. The difference is
-- brought to the ledger under the change's id, the purchase's with a number.
create table late_changes (
    program_no integer not null,
    change_id text collate "C" not null,
    purchase_id text collate "C" not null,
    change_no integer not null check (change_no > 0),
    member_no bigint not null,
    -- The earliest of the events that came late: this purchase, or this return of it.
    late_purchase_id text collate "C" not null,
    late_return_id text collate "C" not null,
    record_time timestamptz not null,
    points_before bigint not null,
    points_after bigint not null,
    returned_before bigint not null,
    returned_after bigint not null,
    -- When what is credited expires.
    expire_time timestamptz,
    -- Of more: the ledger's transaction, and NULL for less. Of less: how many points were taken.
    state smallint not null,
    transaction_id text,
    reversed_points bigint,
    primary key (program_no, change_id),
    foreign key (program_no, purchase_id) references purchases
);
create unique index late_changes_purchase on late_changes (program_no, purchase_id, change_no);

-- What of the points that a return (`r-` and its id) or a late change (`l-` and its id) takes of a purchase is taken of an
-- earlier change's credit. The rest is taken of the award itself.
create table late_parts (
    program_no integer not null,
    taker text collate "C" not null,
    change_id text collate "C" not null,
    points bigint not null check (points > 0),
    primary key (program_no, taker, change_id),
    foreign key (program_no, change_id) references late_changes
);
create index late_parts_change on late_parts (program_no, change_id);

create table returns (
    program_no integer not null,
    return_id text collate "C" not null,
    purchase_id text collate "C" not null,
    event_time timestamptz not null,
    record_time timestamptz not null,
    amount bigint not null check (amount >= 0),
    -- Pairs of a line's id and its pieces.
    lines jsonb not null,
    whole boolean not null,
    points bigint not null check (points >= 0),
    cumulative_amount bigint not null,
    cumulative_points bigint not null,
    state smallint not null,
    reversed_points bigint not null default 0,
    actor text not null,
    primary key (program_no, return_id),
    foreign key (program_no, purchase_id) references purchases
);
create index returns_purchase on returns (program_no, purchase_id);

-- Returns that came before their purchase, deleted in the transaction that records them. They wait while they have a due
-- time; without one, `refusal` is why they could not be recorded, and NULL where the purchase never came.
create table waiting_returns (
    program_no integer not null,
    return_id text collate "C" not null,
    purchase_id text collate "C" not null,
    event_time timestamptz not null,
    record_time timestamptz not null,
    amount bigint not null check (amount >= 0),
    lines jsonb not null,
    whole boolean not null,
    actor text not null,
    refusal jsonb check (refusal is null or due_time is null),
    due_time timestamptz,
    attempts integer not null default 0,
    primary key (program_no, return_id)
);
create index waiting_returns_due_time on waiting_returns (due_time) where due_time is not null;
create index waiting_returns_purchase on waiting_returns (program_no, purchase_id) where due_time is not null;

-- Points given for something else than a purchase. The id says for what, and is that of the ledger's request.
create table bonuses (
    program_no integer not null,
    bonus_id text collate "C" not null,
    member_no bigint not null,
    points bigint not null check (points > 0),
    event_time timestamptz not null,
    record_time timestamptz not null,
    expire_time timestamptz,
    -- When it can first be spent; NULL for at once.
    available_time timestamptz check (available_time < expire_time),
    -- Whether it was pending until somebody decided.
    held boolean not null,
    -- Of the wallet that it goes to; empty for points.
    unit_id text not null,
    memo text not null,
    state smallint not null,
    -- The ledger's transaction, once POSTED.
    transaction_id text check ((transaction_id is null) = (state <> 2)),
    -- What it was given for did not last: it is taken back, and then as many points were.
    revoked boolean not null default false,
    -- Whether that is because of what came late.
    late boolean not null default false check (revoked or not late),
    reversed_points bigint check (reversed_points is null or (revoked and reversed_points between 0 and points)),
    primary key (program_no, bonus_id)
);
-- Which wallets a member has, for whoever merges or closes it. Points pay nothing for it.
create index bonuses_wallets on bonuses (member_no, unit_id) where unit_id <> '';

-- Rewards of the catalog that rules give for purchases and counts, and the program for enrolments: 1 to be given, 2 given,
-- 3 refused for the reason, 4 to be taken back, 5 taken back, 6 kept for the reason. It is due until the catalog has answered,
-- or for so long that it is overdue.
create table gifts (
    program_no integer not null,
    -- What it is given for, and what the catalog's request is called by.
    gift_id text collate "C" not null,
    member_no bigint not null,
    -- NULL for an enrolment.
    purchase_id text collate "C",
    rule_id text collate "C" not null check ((rule_id = '') = (purchase_id is null)),
    -- Of an award for a count.
    award_no bigint check (award_no is null or purchase_id is not null),
    reward text not null,
    state smallint not null default 1 check (state between 1 and 6),
    redemption text not null default '' check (redemption = '' or state <> 1),
    reason text not null default '' check ((reason <> '') = (state in (3, 6))),
    -- When the catalog was asked for it first: kept before it is.
    ask_time timestamptz check (ask_time is not null or redemption = ''),
    -- Of one for a count that was called off and kept: the later one that it stands for.
    stands_for text collate "C" check (stands_for is null or award_no is not null),
    actor text not null,
    -- Who ended it, where the catalog did not.
    ended_by text,
    -- From when on there is something to do, or was.
    since timestamptz not null,
    overdue boolean not null default false check (state in (1, 4) or not overdue),
    due_time timestamptz check ((due_time is null) = (overdue or state not in (1, 4))),
    attempts integer not null default 0,
    primary key (program_no, gift_id),
    foreign key (program_no, purchase_id) references purchases deferrable initially deferred
);
create index gifts_purchase_id on gifts (program_no, purchase_id) where purchase_id is not null;
create index gifts_member_no on gifts (member_no);
create index gifts_due_time on gifts (due_time) where due_time is not null;
create index gifts_stands_for on gifts (program_no, stands_for) where stands_for is not null;
create index gifts_overdue on gifts (program_no, gift_id) where overdue;

-- What members can do besides buying. What changes of it makes a version; an activity keeps the one it was judged by.
create table activity_types (
    program_no integer not null,
    type_id text collate "C" not null,
    version integer not null,
    -- 1 birthday, 2 anniversary of enrolling: nobody records it, it comes by itself.
    occasion smallint check (occasion in (1, 2)),
    create_time timestamptz not null,
    archived boolean not null default false,
    -- Of an occasion: the last day whose bonuses are given, and when the next one's are due.
    given_through date check ((given_through is null) = (occasion is null)),
    due_time timestamptz check (due_time is null or (occasion is not null and not archived)),
    attempts integer not null default 0,
    primary key (program_no, type_id)
);
create unique index activity_types_occasion on activity_types (program_no, occasion) where not archived;
create index activity_types_due_time on activity_types (due_time) where due_time is not null;

create table activity_type_versions (
    program_no integer not null,
    type_id text collate "C" not null,
    version integer not null check (version > 0),
    display_name text not null,
    points bigint not null check (points > 0),
    -- How many activities of a member are awarded at most; NULL is as many as there are.
    day_cap integer check (day_cap > 0),
    week_cap integer check (week_cap > 0),
    month_cap integer check (month_cap > 0),
    total_cap integer check (total_cap > 0),
    cooldown interval,
    expiry smallint[] check (array_length(expiry, 1) = 5 and expiry[1] >= 0),
    create_time timestamptz not null,
    actor text not null,
    primary key (program_no, type_id, version),
    foreign key (program_no, type_id) references activity_types
);

-- Judged under the lock on the member's row, once. What is awarded is the bonus `a-` and the id.
create table activities (
    program_no integer not null,
    activity_id text collate "C" not null,
    member_no bigint not null,
    type_id text collate "C" not null,
    version integer not null,
    event_time timestamptz not null,
    record_time timestamptz not null,
    -- May tell of a person: erased with the member.
    attributes jsonb not null,
    points bigint not null,
    -- Why nothing was awarded: 1 to 4 the cap of a day, week, month, of all; 5 the cooldown. And until when, if ever.
    withheld smallint check (withheld between 1 and 5),
    again_time timestamptz,
    -- The bonus where that is not `a-` and the id: one that was given because another activity came late.
    bonus_id text collate "C",
    actor text not null,
    primary key (program_no, activity_id),
    check ((withheld is null) = (points > 0) and points >= 0)
);
create index activities_member_no on activities (member_no, event_time, activity_id);
create trigger activities_rejudged before update of points, withheld, again_time, bonus_id on activities
for each row execute function only_what_came_late();
create index activities_awarded on activities (member_no, type_id, event_time) where withheld is null;

-- What a program gives for referrals, in versions: a referral keeps the one that it was claimed under.
create table referral_terms (
    program_no integer not null,
    version integer not null check (version > 0),
    -- What qualifies: 1 signing up, 2 the first purchase of at least so much.
    event smallint not null check (event in (1, 2)),
    minimum_spend bigint not null check (minimum_spend >= 0),
    advocate_points bigint not null check (advocate_points >= 0),
    friend_points bigint not null check (friend_points >= 0),
    milestone_friends integer[] not null,
    milestone_points bigint[] not null check (cardinality(milestone_points) = cardinality(milestone_friends)),
    expiry smallint[] check (array_length(expiry, 1) = 5 and expiry[1] >= 0),
    address_warning integer not null,
    address_limit integer not null check (address_limit >= address_warning),
    closed boolean not null,
    create_time timestamptz not null,
    actor text not null,
    primary key (program_no, version)
);

-- The members who asked for a code, and how many friends of theirs have qualified. Locked after members, never before.
-- Of one who was merged the survivor's row has the friends, and there is none.
create table advocates (
    member_no bigint primary key,
    friends integer not null default 0 check (friends >= 0)
);

-- Who is an advocate by which code. The member's own is the one that is told; others were those of members merged into it.
create table referral_codes (
    program_no integer not null,
    code text collate "C" not null,
    member_no bigint not null,
    own boolean not null,
    primary key (program_no, code)
);
create index referral_codes_member_no on referral_codes (member_no);

-- Written under the lock on the row of the friend, or of who stands for it; that one's `referred` says whether one is
-- open. A merge leaves the numbers as they are: whoever asks for a person asks for all of its ids.
create table referrals (
    friend_no bigint not null,
    advocate_no bigint not null,
    program_no integer not null,
    version integer not null,
    -- 1 open, 2 qualified, 3 refused, 4 taken back.
    state smallint not null check (state between 1 and 4),
    refusal smallint check ((refusal is null) = (state <> 3) and refusal between 1 and 6),
    warned boolean not null,
    claim_time timestamptz not null,
    qualify_time timestamptz check (qualify_time is not null or state in (1, 3)),
    purchase_id text collate "C",
    -- How many friends the advocate had with this one, while that is a milestone that is reached.
    milestone integer check (milestone is null or state in (2, 4)),
    -- The bonus for it.
    prize_id text check (prize_id is not null or milestone is null),
    actor text not null,
    primary key (friend_no, advocate_no),
    foreign key (program_no, version) references referral_terms
);
create unique index referrals_friend_no on referrals (friend_no) where state <> 3;
create index referrals_advocate_no on referrals (advocate_no, friend_no);

-- When referrals were claimed from an address in the last days, by a digest of it.
create table referral_addresses (
    program_no integer not null,
    address bytea not null,
    claim_times timestamptz[] not null,
    last_time timestamptz not null default '-infinity',
    primary key (program_no, address)
);
create index referral_addresses_last_time on referral_addresses (last_time);

-- Named conditions that members meet or not. Nobody is in one: it is asked.
create table segments (
    program_no integer not null,
    segment_id text collate "C" not null,
    display_name text not null,
    condition text not null,
    archived boolean not null default false,
    create_time timestamptz not null,
    update_time timestamptz not null,
    actor text not null,
    primary key (program_no, segment_id)
);

-- Plans of paid membership. How long a period is and what it cost stays with the period.
create table plans (
    program_no integer not null,
    plan_id text collate "C" not null,
    display_name text not null,
    months smallint not null check (months > 0),
    price bigint not null check (price >= 0),
    archived boolean not null default false,
    create_time timestamptz not null,
    update_time timestamptz not null,
    actor text not null,
    primary key (program_no, plan_id)
);

-- What members bought. Written under the lock on the member's row; a merge gives the survivor what both have, so that
-- periods may overlap. It is looked at when it ends.
create table plan_periods (
    period_no bigint generated always as identity primary key,
    program_no integer not null,
    member_no bigint not null,
    plan_id text collate "C" not null,
    start_time timestamptz not null,
    end_time timestamptz not null check (end_time > start_time),
    -- The run of periods without a gap that it belongs to: when it began, and how long it is with this one.
    run_start_time timestamptz not null check (run_start_time <= start_time),
    run_months integer not null check (run_months > 0),
    price bigint not null check (price >= 0),
    -- Whether a benefit was used in it.
    used boolean not null default false,
    buy_time timestamptz not null,
    actor text not null,
    cancel_time timestamptz check (cancel_time is null or not used and due_time is null),
    due_time timestamptz,
    attempts integer not null default 0
) with (fillfactor = 80);
create index plan_periods_member_no on plan_periods (member_no, period_no);
create index plan_periods_due_time on plan_periods (due_time) where due_time is not null;

-- What can be sent to members. It does not change: whoever received it gets what was promised.
create table offers (
    offer_no bigint generated always as identity primary key,
    program_no integer not null,
    offer_id text collate "C" not null,
    display_name text not null,
    -- What completes it: 1 one purchase of at least so much, 2 so much in all, 3 so many visits of at least so much each.
    goal smallint not null check (goal in (1, 2, 3)),
    minimum_spend bigint not null check (minimum_spend >= 0 and (minimum_spend > 0 or goal = 3)),
    visits integer not null check (visits > 0 and (visits = 1 or goal = 3)),
    points bigint not null check (points > 0),
    expiry smallint[] check (array_length(expiry, 1) = 5 and expiry[1] >= 0),
    acceptance_required boolean not null,
    holdout_numerator integer not null check (holdout_numerator >= 0),
    holdout_denominator integer not null check (holdout_denominator > holdout_numerator),
    archived boolean not null default false,
    create_time timestamptz not null,
    actor text not null,
    unique (program_no, offer_id)
);

create table offer_sendings (
    sending_no bigint generated always as identity primary key,
    program_no integer not null,
    offer_no bigint not null,
    start_time timestamptz not null,
    end_time timestamptz not null check (end_time >= start_time),
    sent integer not null default 0,
    held_out integer not null default 0,
    skipped integer not null default 0,
    create_time timestamptz not null,
    actor text not null,
    -- Of a segment's: the last member who was looked at. It is due until all were.
    segment_id text collate "C",
    after_member_id text collate "C" not null default '',
    due_time timestamptz check (due_time is null or segment_id is not null),
    attempts integer not null default 0
);
create index offer_sendings_due_time on offer_sendings (due_time) where due_time is not null;

-- What a member received, or what was held back. Written under the lock on the member's row; `members.offers_until` says
-- until when to look here. A member to whom it was sent may since have been merged into another, who has it now.
create table personal_offers (
    sending_no bigint not null,
    sent_to bigint not null,
    member_no bigint not null,
    offer_no bigint not null,
    start_time timestamptz not null,
    end_time timestamptz not null,
    held_out boolean not null,
    send_time timestamptz not null,
    accept_time timestamptz,
    -- The sum over the purchases that count.
    progress bigint not null default 0 check (progress >= 0),
    -- The time of the purchase that completed it, and how often it was awarded: a return may take an award back.
    complete_time timestamptz check (complete_time is null or (accept_time is not null and awards > 0)),
    awards integer not null default 0 check (awards >= 0),
    primary key (sending_no, sent_to)
) with (fillfactor = 80);
create index personal_offers_member_no on personal_offers (member_no, sending_no, sent_to);
create index personal_offers_offer_no on personal_offers (offer_no);

-- Which purchases count for which personal offers: their returns make them count less.
create table offer_purchases (
    program_no integer not null,
    purchase_id text collate "C" not null,
    sending_no bigint not null,
    sent_to bigint not null,
    primary key (program_no, purchase_id, sending_no, sent_to)
);

-- What is recorded here and on its way to the ledger, one row for each call or chunk. It is deleted once all of it
-- has arrived; until then the recovery loop takes it up whenever its time is due.
create table deliveries (
    delivery_no bigint generated always as identity primary key,
    program_no integer not null,
    -- Members whose account and welcome bonus go first.
    member_nos bigint[] not null,
    purchase_ids text[] not null,
    return_id text,
    bonus_ids text[] not null,
    -- Late changes, where there are any.
    change_ids text[],
    -- The purchase whose held award was released or rejected.
    decided text,
    actor text not null,
    due_time timestamptz not null,
    attempts integer not null default 0
);
create index deliveries_due_time on deliveries (due_time);

-- What the ledger is still asked for when a membership ends; deleted once it is done. A closing that the ledger refused
-- stays with what was left, so that the same request is answered again.
create table endings (
    ending_no bigint generated always as identity primary key,
    program_no integer not null,
    member_no bigint not null,
    -- 1 the account is closed, 2 the texts are erased.
    errand smallint not null check (errand in (1, 2)),
    actor text not null,
    left_over bigint[] check (left_over is null or (errand = 1 and array_length(left_over, 1) = 4)),
    -- Of the wallet that this is in; empty for points.
    left_unit_id text not null default '',
    due_time timestamptz,
    attempts integer not null default 0,
    check ((left_over is null) = (due_time is not null))
);
create index endings_due_time on endings (due_time) where due_time is not null;

-- What is asked of the ledger for members who were merged into others, and has to be looked at again and again: something
-- may still come to an account that was merged.
create table merges (
    member_no bigint primary key,
    program_no integer not null,
    actor text not null,
    -- Whether the welcome bonus, which the survivor had too, is still to be reversed.
    reverses_welcome boolean not null default false,
    welcome_reversed boolean not null default false,
    -- The last step that was begun: what it moves, 1 available points, 2 pending ones, 3 a debt, and how many. NULL where
    -- its outcome is known.
    step integer not null default 0,
    part smallint check (part in (1, 2, 3)),
    points bigint check (points > 0),
    -- Of the wallets that it moves this between; empty for points.
    unit_id text not null default '',
    -- Whether nothing was left when it was last looked at.
    done boolean not null default false,
    due_time timestamptz not null,
    attempts integer not null default 0,
    check ((part is null) = (points is null)),
    check (not done or (part is null and not reverses_welcome))
);
create index merges_due_time on merges (due_time);

-- In programs with reminders: when a member's points are looked at for what expires soon, and the last day of which all is
-- told. Each change is a round of its own.
create table expiry_watches (
    member_no bigint primary key,
    program_no integer not null,
    seen_day date not null,
    round integer not null default 0,
    due_time timestamptz,
    attempts integer not null default 0
) with (fillfactor = 80);
create index expiry_watches_due_time on expiry_watches (due_time) where due_time is not null;

-- In programs whose expiry slides: the time over which activity has kept a member's points, written under the lock on the
-- member's row, and when the ledger is to hear of it. `round` numbers the times that it is asked.
create table slides (
    member_no bigint primary key,
    program_no integer not null,
    since timestamptz not null,
    until timestamptz not null check (until > since),
    -- When it was last changed.
    record_time timestamptz not null,
    round integer not null default 0,
    due_time timestamptz,
    attempts integer not null default 0
) with (fillfactor = 80);
create index slides_due_time on slides (due_time) where due_time is not null;

grant select, insert, update (rules_revision, returns_wait) on programs to :"runtime_role";
grant select, insert on tiers, rule_versions, late_parts, tranche_returns, velocity_policies to :"runtime_role";
grant select, insert, update (start, purchases, points) on velocity_counts to :"runtime_role";
grant select, insert, update (state, decide_time, actor, reason) on award_flags to :"runtime_role";
grant select, insert, update (state, end_time, due_time, attempts) on awaited_credits to :"runtime_role";
grant select, insert, update (purchase_id, state, redemption, reason, ask_time, stands_for, ended_by, since, overdue, due_time, attempts)
    on gifts to :"runtime_role";
grant select, insert on purchase_events to :"runtime_role";
grant select, insert, update (state, welcome_transaction, ended, merged_into, referred, offers_until) on members to :"runtime_role";
grant select, insert, update (used), delete on rule_uses to :"runtime_role";
grant select, insert, update (counted, given, owed) on rule_counts to :"runtime_role";
grant select, insert, update (counts), delete on counted_purchases to :"runtime_role";
grant select, insert, update (member_no, purchase_id, revoked) on count_awards to :"runtime_role";
grant select, insert, update (level, rated_by) on ratings to :"runtime_role";
grant select, insert, update (points, counts, rule_nos, steps) on timelines to :"runtime_role";
grant select, insert, update (state, transaction_id, reversed_points) on late_changes to :"runtime_role";
grant select, insert, update (revision, display_name, start_time, end_time, budget, archived) on campaigns
to :"runtime_role";
grant select, insert, update (points, spent) on campaign_budgets to :"runtime_role";
grant select, insert, update (purchases, amount, returned_amount, awarded_purchases, points) on campaign_members
to :"runtime_role";
grant select, insert, update (points) on member_years to :"runtime_role";
grant select, insert, update (amount) on member_days to :"runtime_role";
grant select, insert, update (level, end_day, seen_day, due_time, attempts) on member_tiers to :"runtime_role";
grant select, insert, update (year, after_member_no, due_time, attempts) on year_ends to :"runtime_role";
grant select, insert, update (
    returned_amount, returned_points, terms, base_points, tier_points, rule_points, available_time, expire_time,
    credited_points
) on purchases to :"runtime_role";
grant select, insert, update (transaction_ids) on settlements to :"runtime_role";
grant select, insert, update (refusal, due_time, attempts), delete on waiting_returns to :"runtime_role";
grant select, insert, update (state, reversed_points) on returns to :"runtime_role";
grant select, insert, update (state, transaction_id, revoked, late, reversed_points) on bonuses to :"runtime_role";
grant select, insert, update (version, archived, given_through, due_time, attempts) on activity_types
to :"runtime_role";
grant select, insert on activity_type_versions to :"runtime_role";
grant select, insert, update (attributes, member_no, points, withheld, again_time, bonus_id) on activities to :"runtime_role";
grant select, insert on referral_terms, former_contacts to :"runtime_role";
grant select, insert, update (friends), delete on advocates to :"runtime_role";
grant select, insert, update (member_no, own) on referral_codes to :"runtime_role";
grant select, insert, update (
    version, state, refusal, warned, claim_time, qualify_time, purchase_id, milestone, prize_id, actor
) on referrals to :"runtime_role";
grant select, insert, update (claim_times, last_time), delete on referral_addresses to :"runtime_role";
grant select, insert, update (purchases, spend, last_time) on member_purchases to :"runtime_role";
grant select, insert, update (display_name, condition, archived, update_time, actor) on segments to :"runtime_role";
grant select, insert, update (display_name, months, price, archived, update_time, actor) on plans to :"runtime_role";
grant select, insert, update (member_no, used, cancel_time, due_time, attempts) on plan_periods to :"runtime_role";
grant select, insert, update (archived) on offers to :"runtime_role";
grant select, insert, update (sent, held_out, skipped, after_member_id, due_time, attempts) on offer_sendings to :"runtime_role";
grant select, insert, update (member_no, accept_time, progress, complete_time, awards) on personal_offers
to :"runtime_role";
grant select, insert on offer_purchases to :"runtime_role";
grant select, insert, update (due_time, attempts, purchase_ids, change_ids, decided), delete on deliveries to :"runtime_role";
grant select, insert, update, delete on profiles to :"runtime_role";
grant select, insert, delete on contacts, profile_requests to :"runtime_role";
grant select, insert, update (left_over, left_unit_id, due_time, attempts), delete on endings to :"runtime_role";
grant select, insert, update (reverses_welcome, welcome_reversed, step, part, points, unit_id, done, due_time, attempts) on merges to :"runtime_role";
grant select, insert, update (wrong_claims), delete on guest_purchases to :"runtime_role";
grant select, insert, update (seen_day, round, due_time, attempts) on expiry_watches to :"runtime_role";
grant select, insert, update (since, until, record_time, round, due_time, attempts) on slides to :"runtime_role";
grant select, insert, update (salt, hash, tries), delete on pins to :"runtime_role";
grant select, insert, update (salt, hash, tries, expire_time, made_times), delete on consent_codes to :"runtime_role";
grant select, insert, update (hash, expire_time), delete on consent_tokens to :"runtime_role";
