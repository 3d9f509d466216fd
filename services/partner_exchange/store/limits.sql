-- name: limits_in_force
-- The newest limits of a partner with their caps, of pairs only those with `receiver` unless it is null; and its zone.
select
    coalitions.time_zone, newest.version, newest.velocity_exchanges, newest.velocity_minutes, newest.net_debit_cap,
    newest.collateral, newest.cover_numerator, newest.cover_denominator, newest.actor, newest.reason,
    newest.create_time, caps.scope, caps.receiver, caps.period, caps.points, caps.exchanges
from partners
inner join coalitions on coalitions.coalition = partners.coalition
left join lateral (
    select
        version, velocity_exchanges, velocity_minutes, net_debit_cap, collateral, cover_numerator, cover_denominator,
        actor, reason, create_time
    from partner_limits
    where partner_limits.partner = partners.partner
    order by version desc
    limit 1
) as newest on true
left join
    caps
    on
        caps.partner = partners.partner and caps.version = newest.version
        and (:receiver::text is null or caps.receiver in ('', :receiver::text))
where partners.partner = :partner
order by caps.scope, caps.receiver, caps.period;

-- name: list_limits
-- Versions before the given one, newest first, each with its caps.
select
    newest.version, newest.velocity_exchanges, newest.velocity_minutes, newest.net_debit_cap, newest.collateral,
    newest.cover_numerator, newest.cover_denominator, newest.actor, newest.reason, newest.create_time, caps.scope,
    caps.receiver, caps.period, caps.points, caps.exchanges
from (
    select
        partner, version, velocity_exchanges, velocity_minutes, net_debit_cap, collateral, cover_numerator,
        cover_denominator, actor, reason, create_time
    from partner_limits
    where partner = :partner and version < :before_version
    order by version desc
    limit :most
) as newest
left join caps on caps.partner = newest.partner and caps.version = newest.version
order by newest.version desc, caps.scope, caps.receiver, caps.period;

-- name: insert_limits!
insert into partner_limits (
    partner, version, velocity_exchanges, velocity_minutes, net_debit_cap, collateral, cover_numerator,
    cover_denominator, actor, reason, create_time
)
values (
    :partner, :version, :velocity_exchanges, :velocity_minutes, :net_debit_cap, :collateral, :cover_numerator,
    :cover_denominator, :actor, :reason, :create_time
);

-- name: insert_caps!
insert into caps (partner, version, scope, receiver, period, points, exchanges)
select :partner::text, :version::int, wanted.*
from
    unnest(:scopes::text[], :receivers::text[], :periods::text[], :points::bigint[], :exchanges::bigint[])
        as wanted (scope, receiver, period, points, exchanges);
