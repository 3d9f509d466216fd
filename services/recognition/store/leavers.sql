-- name: set_leaver_policy!
insert into leaver_policies (organisation, mode, days, actor, update_time)
values (:organisation, :mode, :days, :actor, :update_time)
on conflict (organisation) do update
set mode = excluded.mode, days = excluded.days, actor = excluded.actor, update_time = excluded.update_time;

-- name: find_leaver_policy^
select mode, days from leaver_policies where organisation = :organisation;

-- name: claim_leavings
-- Takes what is due, soonest first, and puts it off until the lease ends, so that other workers take other rows.
with due as (
    select organisation, person, leave_time
    from leavings
    where look_time <= :now
    order by look_time
    limit :most
    for update skip locked
)
update leavings
set look_time = :lease_time, attempts = attempts + 1
from due
where
    leavings.organisation = due.organisation and leavings.person = due.person
    and leavings.leave_time = due.leave_time
returning leavings.organisation, leavings.person, leavings.leave_time, leavings.attempts;

-- name: put_off_leaving!
update leavings
set look_time = :look_time
where organisation = :organisation and person = :person and leave_time = :leave_time and look_time is not null;

-- name: look_at_leaving_again!
-- What came of this look is written down: the next one does not wait for how often it failed before.
update leavings
set look_time = :look_time, attempts = 0
where organisation = :organisation and person = :person and leave_time = :leave_time;

-- name: find_leaving^
select
    leavings.organisation, person, people.display_name, leave_time, return_time, mode, days, time_zone, rewards_account,
    country
from leavings
join people using (organisation, person)
join organisations using (organisation)
where leavings.organisation = :organisation and person = :person and leave_time = :leave_time;

-- name: list_leavings
select
    leavings.organisation, person, people.display_name, leave_time, return_time, mode, days, time_zone, rewards_account,
    country
from leavings
join people using (organisation, person)
join organisations using (organisation)
where
    leavings.organisation = :organisation
    and (:person::text is null or person = :person)
    and (
        :since::timestamptz is null
        or exists (
            select
            from leaver_settlements as settled
            where
                settled.organisation = leavings.organisation and settled.person = leavings.person
                and settled.leave_time = leavings.leave_time and settled.state = 'posted'
                and settled.settle_time >= :since
        )
    )
    and (leave_time, person) < (:before_time::timestamptz, :before::text)
order by leave_time desc, person desc
limit :most;

-- name: insert_leaver_settlement$
-- The id, or nothing where points of this person are being taken.
insert into leaver_settlements (
    organisation, settlement, person, leave_time, mode, amount, country, minor_units, numerator, denominator,
    currency_code, create_time
)
values (
    :organisation, :settlement, :person, :leave_time, :mode, :amount, :country, :minor_units, :numerator, :denominator,
    :currency_code, :create_time
)
on conflict do nothing
returning settlement;

-- name: find_pending_settlement^
select settlement, mode, amount, country, numerator, denominator, currency_code, transaction, settle_time
from leaver_settlements
where organisation = :organisation and person = :person and state = 'pending';

-- name: settle_leaver$
-- The id, or nothing where somebody has written down what the ledger answered.
update leaver_settlements
set state = :state, transaction = :transaction, refusal = :refusal, settle_time = :settle_time
where organisation = :organisation and settlement = :settlement and state = 'pending'
returning settlement;

-- name: list_leaver_settlements
-- The latest ones of each of these leavings, earliest first.
select
    asked.person, asked.leave_time, settlement, mode, amount, country, numerator, denominator, currency_code, transaction,
    settle_time
from unnest(:people::text[], :leave_times::timestamptz[]) as asked (person, leave_time)
cross join lateral (
    select *
    from leaver_settlements as settled
    where
        settled.organisation = :organisation and settled.person = asked.person
        and settled.leave_time = asked.leave_time and settled.state = 'posted'
    order by settled.settle_time desc
    limit :most
) as latest
order by settle_time, settlement;
