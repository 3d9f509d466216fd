-- What organisations call fair, and what their policies said.

create table fairness_settings (
    organisation text not null references organisations,
    version integer not null check (version > 0),
    actor text not null,
    create_time timestamptz not null,
    primary key (organisation, version)
);

create table fairness_policies (
    organisation text not null,
    version integer not null,
    position smallint not null,
    rule text not null check (
        rule in ('pair_points', 'pair_posts', 'post_points', 'reciprocity', 'allowance_share', 'repeated_text')
    ),
    mode text not null check (mode in ('warn', 'hold', 'block')),
    -- Points or posts; 0 of a rule that has none, as with the following.
    most bigint not null check (most between 0 and 9007199254740992),
    numerator bigint not null,
    denominator bigint not null,
    from_amount bigint not null check (from_amount between 0 and 9007199254740992),
    span text not null check (span in ('week', 'month', 'quarter', 'allowance')),
    within_hours integer not null check (within_hours between 0 and 744),
    same_receiver boolean not null,
    primary key (organisation, version, position),
    unique (organisation, version, rule, mode),
    foreign key (organisation, version) references fairness_settings,
    check (numerator >= 0 and numerator < denominator)
);

create table fairness_findings (
    organisation text not null,
    change text not null,
    position smallint not null,
    rule text not null,
    mode text not null,
    receiver text not null,
    most bigint not null,
    used bigint not null,
    requested bigint not null,
    room bigint not null,
    primary key (organisation, change, position),
    foreign key (organisation, change) references recognition_changes
);

-- What a policy holds until somebody has decided.
create table reviews (
    organisation text not null,
    change text not null,
    number bigint generated always as identity unique,
    state text not null default 'reserving' check (state in ('reserving', 'held', 'approved', 'rejected')),
    -- The ledger's, which reserved the points.
    transaction text not null default '',
    -- Who decided; empty: nobody of the organisation.
    reviewer text not null default '',
    actor text,
    note text not null default '',
    review_time timestamptz,
    primary key (organisation, change),
    foreign key (organisation, change) references recognition_changes,
    check ((state = 'reserving') = (transaction = '')),
    check ((state in ('approved', 'rejected')) = (review_time is not null and actor is not null))
);
create index reviews_of_organisation on reviews (organisation, number);

-- What one person gave another, as policies count it: from the moment it is taken in until it is refused, less what was
-- taken back of it, all as of when it was given.
create view given_points as
select gift.organisation, gift.giver, gift.receiver, gift.amount + coalesce(back.amount, 0) as amount,
    gift.posts + coalesce(back.posts, 0) as posts, given.create_time
from recognition_changes as given
join recognition_movements as gift
    on gift.organisation = given.organisation and gift.recognition = given.recognition and gift.change = given.change
left join lateral (
    select sum(taken.amount)::bigint as amount, sum(taken.posts)::bigint as posts
    from recognition_movements as taken
    where
        taken.organisation = gift.organisation and taken.recognition = gift.recognition
        and taken.gift_change = gift.change and taken.gift_ordinal = gift.ordinal
) as back on true
where given.state = 'done' and gift.amount > 0
union all
select organisation, giver, receiver, amount, case kind when 'edit' then 0 else 1 end, create_time
from recognition_changes
cross join unnest(receivers, amounts) as gifts (receiver, amount)
where state in ('pending', 'held');
create index recognition_changes_of_giver on recognition_changes (organisation, giver, create_time);

grant select, insert on fairness_settings, fairness_policies, fairness_findings to :"runtime_role";
grant select, insert, update on reviews to :"runtime_role";
grant select on given_points to :"runtime_role";
