-- name: lock_fairness!
-- One who sets policies at a time.
select pg_advisory_xact_lock(hashtextextended('fairness of ' || :organisation::text, 0));

-- name: insert_fairness_settings$
insert into fairness_settings (organisation, version, review_days, actor, create_time)
select :organisation, coalesce(max(version), 0) + 1, :review_days, :actor, :create_time
from fairness_settings where organisation = :organisation
returning version;

-- name: insert_fairness_policies!
insert into fairness_policies (
    organisation, version, position, rule, mode, most, numerator, denominator, from_amount, span, within_hours,
    same_receiver
)
select
    :organisation, :version, position - 1, rule, mode, most, numerator, denominator, from_amount, span, within_hours,
    same_receiver
from
    unnest(
        :rules::text[], :modes::text[], :mosts::bigint[], :numerators::bigint[], :denominators::bigint[],
        :from_amounts::bigint[], :spans::text[], :withins::integer[], :same_receivers::boolean[]
    )
    with ordinality as policies (
        rule, mode, most, numerator, denominator, from_amount, span, within_hours, same_receiver, position
    );

-- name: fairness_settings^
-- Of a version, or the newest.
select version, review_days, actor, create_time
from fairness_settings
where organisation = :organisation and (:version::integer is null or version = :version)
order by version desc
limit 1;

-- name: fairness_policies
-- Of a version, or the newest.
select rule, mode, most, numerator, denominator, from_amount, span, within_hours, same_receiver
from fairness_policies
where
    organisation = :organisation
    and version
    = coalesce(:version::integer, (select max(version) from fairness_settings where organisation = :organisation))
order by position;

-- name: lock_giving!
-- What these people give is judged one after the other, until the transaction ends. In one order, and after their rows
-- are locked: who holds them waits for nothing else that those wait with who want them.
select pg_advisory_xact_lock(key)
from (
    select distinct hashtextextended('giving of ' || :organisation::text || '/' || person, 0) as key
    from unnest(:people::text[]) as person
    order by key
) as keys;

-- name: given_between
-- What the giver gave each receiver from a time on, and what came back.
select
    span, receiver,
    coalesce(sum(amount) filter (where given), 0)::bigint as points,
    coalesce(sum(posts) filter (where given), 0)::bigint as posts,
    coalesce(sum(amount) filter (where not given), 0)::bigint as returned
from unnest(:spans::text[], :begin_times::timestamptz[]) as spans (span, begin_time)
cross join lateral (
    select receiver, amount, posts, true as given from given_points
    where
        organisation = :organisation and giver = :giver and receiver = any(:receivers::text[])
        and create_time >= begin_time
    union all
    select giver, amount, 0, false from given_points
    where
        organisation = :organisation and giver = any(:receivers::text[]) and receiver = :giver
        and create_time >= begin_time
) as between_them
group by span, receiver;

-- name: granted_now^
-- What a person was granted for the current period, and since when that can be given.
select coalesce(sum(amount), 0)::bigint as amount, min(available_time) as begin_time
from allowances
where
    organisation = :organisation and person = :person and purpose = 'give' and state = 'posted'
    and available_time <= :now and expire_time > :now;

-- name: words_given
-- The words of what a person gave after a time and has not taken back, as it is now, newest first.
select given.create_time, said.message, said.receivers
from recognition_changes as given
join recognition_details as said using (organisation, recognition)
where
    given.organisation = :organisation and given.giver = :giver and given.create_time > :after
    and recognition <> :besides
    and kind = 'create' and given.state <> 'refused' and said.state not in ('deleting', 'deleted')
order by given.create_time desc, given.change desc
limit :most;

-- name: insert_fairness_findings!
insert into fairness_findings (
    organisation, change, position, rule, mode, receiver, most, used, requested, room
)
select :organisation, :change, position - 1, rule, mode, receiver, most, used, requested, room
from
    unnest(
        :rules::text[], :modes::text[], :receivers::text[], :mosts::bigint[], :useds::bigint[], :requesteds::bigint[],
        :rooms::bigint[]
    )
    with ordinality as findings (rule, mode, receiver, most, used, requested, room, position);

-- name: fairness_findings
select change, rule, mode, receiver, most, used, requested, room
from fairness_findings
where organisation = :organisation and change = any(:changes::text[])
order by change, position;
