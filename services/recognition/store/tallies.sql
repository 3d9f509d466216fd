-- name: add_to_tallies!
-- Inserted in the order given, which is that of the key: two transactions that meet wait for each other in one order.
insert into tallies (organisation, period, measure, purpose, public, person, amount, count)
select :organisation, period, measure, purpose, public, person, amount, count
from unnest(
    :periods::date[], :measures::text[], :purposes::text[], :publics::boolean[], :people::text[], :amounts::bigint[],
    :counts::bigint[]
) as change (period, measure, purpose, public, person, amount, count)
on conflict (organisation, period, measure, purpose, public, person)
do update set amount = tallies.amount + excluded.amount, count = tallies.count + excluded.count;

-- name: take_from_tallies!
-- What was counted before, so that the rows are there.
update tallies
set amount = tallies.amount + change.amount, count = tallies.count + change.count
from unnest(
    :periods::date[], :measures::text[], :purposes::text[], :publics::boolean[], :people::text[], :amounts::bigint[],
    :counts::bigint[]
) as change (period, measure, purpose, public, person, amount, count)
where
    tallies.organisation = :organisation
    and tallies.period = change.period
    and tallies.measure = change.measure
    and tallies.purpose = change.purpose
    and tallies.public = change.public
    and tallies.person = change.person;
