-- Awards and celebrations in the feed: who sees them is said once, as of recognitions.

create view award_details as
select
    awards.*, payouts.state as payout_state, transaction, refusal, wait_end_time
from awards
left join payouts using (organisation, payout);

-- What somebody without a part in its approval sees: what was given, if it is public or they are one of the two. Null: what
-- everybody sees. `Award.shown_to` says the same of one.
create function seen_awards(viewer text) returns setof award_details language sql stable as $$
select seen.*
from award_details as seen
where seen.payout_state = 'paid' and (seen.visibility = 'public' or viewer in (seen.nominee, seen.nominator))
$$;

create view celebration_details as
select
    celebrations.*, payouts.state as payout_state, transaction, refusal, wait_end_time
from celebrations
join payouts using (organisation, payout);

-- What somebody sees of what is celebrated: their own, and what is public of those who have not opted out, by now. Null: what
-- everybody sees.
create function seen_celebrations(viewer text) returns setof celebration_details language sql stable as $$
select seen.*
from celebration_details as seen
join people using (organisation, person)
where seen.person = viewer or (seen.visibility = 'public' and not people.celebrations_opt_out)
$$;

grant select on award_details, celebration_details to :"runtime_role";

create index payouts_feed on payouts (organisation, kind, settle_time desc, payout desc)
    where state = 'paid' and kind in ('award', 'celebration');
create index payouts_feed_of on payouts (organisation, person, kind, settle_time desc, payout desc)
    where state = 'paid' and kind in ('award', 'celebration');
