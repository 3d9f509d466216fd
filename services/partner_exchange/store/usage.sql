-- name: book_usage
-- Counts more exchanges where they fit under the cap, and answers where they did; what they did not fit into stays locked
-- as it is. In one order, so that no two who count wait for each other.
insert into usage as kept (
    sender, scope, subject, period, begin_date, points, exchanges, most_points, most_exchanges
)
select
    :sender::text, wanted.scope, wanted.subject, wanted.period, wanted.begin_date, wanted.points, wanted.exchanges,
    wanted.most_points, wanted.most_exchanges
from
    unnest(
        :scopes::text[], :subjects::text[], :periods::text[], :begin_dates::date[], :points::numeric[],
        :exchanges::bigint[], :most_points::bigint[], :most_exchanges::bigint[]
    ) as wanted (scope, subject, period, begin_date, points, exchanges, most_points, most_exchanges)
where
    coalesce(wanted.points <= wanted.most_points, true)
    and coalesce(wanted.exchanges <= wanted.most_exchanges, true)
order by wanted.scope, wanted.subject, wanted.period, wanted.begin_date
on conflict (sender, scope, subject, period, begin_date) do update
set
    points = kept.points + excluded.points, exchanges = kept.exchanges + excluded.exchanges,
    most_points = excluded.most_points, most_exchanges = excluded.most_exchanges
where
    coalesce(kept.points + excluded.points <= excluded.most_points, true)
    and coalesce(kept.exchanges + excluded.exchanges <= excluded.most_exchanges, true)
returning kept.scope;

-- name: release_usage!
-- What an exchange was counted with is given back; counts that are long over may have been deleted.
with held as (
    select usage.scope, usage.subject, usage.period, usage.begin_date
    from usage
    inner join
        unnest(:scopes::text[], :subjects::text[], :periods::text[], :begin_dates::date[])
            as given (scope, subject, period, begin_date)
        using (scope, subject, period, begin_date)
    where usage.sender = :sender
    order by usage.scope, usage.subject, usage.period, usage.begin_date
    for no key update of usage
)
update usage set points = points - :points::numeric, exchanges = exchanges - :exchanges::bigint
from held
where
    usage.sender = :sender and usage.scope = held.scope and usage.subject = held.subject
    and usage.period = held.period and usage.begin_date = held.begin_date;

-- name: find_usage
select usage.scope, usage.subject, usage.period, usage.points, usage.exchanges
from usage
inner join
    unnest(:scopes::text[], :subjects::text[], :periods::text[], :begin_dates::date[])
        as wanted (scope, subject, period, begin_date)
    using (scope, subject, period, begin_date)
where usage.sender = :sender;

-- name: prune_usage!
delete from usage
where
    (sender, scope, subject, period, begin_date) in (
        select sender, scope, subject, period, begin_date from usage where begin_date < :before limit :most
    );

-- name: lock_member!
-- One exchange of a member at a time: what began within a time is counted and added to.
select pg_advisory_xact_lock(hashtextextended(:sender::text || '/' || :account::text, 0));

-- name: begun_within
-- When the newest exchanges of a member after a time began, ABORTED ones aside.
select create_time
from exchanges
where sender = :sender and source_account = :account and create_time > :after and state <> 'ABORTED'
order by create_time desc
limit :most;

-- name: book_exposure^
-- Adds what a partner will owe where that stays within `most`; answers nothing where it does not, and the row is locked
-- as it is.
insert into exposures as kept (partner, numerator, denominator, most)
select :partner::text, :numerator::numeric, :denominator::numeric, :most::bigint
where coalesce(:numerator::numeric <= :most::bigint * :denominator::numeric, true)
on conflict (partner) do update
set
    (numerator, denominator) = (
        select div(total.n, gcd(total.n, total.d)), div(total.d, gcd(total.n, total.d))
        from (
            select
                kept.numerator * excluded.denominator + excluded.numerator * kept.denominator as n,
                kept.denominator * excluded.denominator as d
        ) as total
    ),
    most = excluded.most
where
    coalesce(
        kept.numerator * excluded.denominator + excluded.numerator * kept.denominator
        <= excluded.most * kept.denominator * excluded.denominator,
        true
    )
returning kept.partner;

-- name: move_exposures!
-- Changes what partners owe, whatever their limits: what is more is due, and what is less gives room.
insert into exposures as kept (partner, numerator, denominator)
select moved.partner, moved.numerator, moved.denominator
from unnest(:partners::text[], :numerators::numeric[], :denominators::numeric[]) as moved (
    partner, numerator, denominator
)
order by moved.partner
on conflict (partner) do update
set
    (numerator, denominator) = (
        select div(total.n, gcd(total.n, total.d)), div(total.d, gcd(total.n, total.d))
        from (
            select
                kept.numerator * excluded.denominator + excluded.numerator * kept.denominator as n,
                kept.denominator * excluded.denominator as d
        ) as total
    ),
    most = case when excluded.numerator > 0 then null else kept.most end;

-- name: find_exposure^
select numerator, denominator from exposures where partner = :partner;
