-- What lists of what is paid from award budgets are read by, in their order.

-- Who decides, as awards have it: whoever has this role, where nobody is named.
alter table claims add column reviewer_role text not null default '';
-- A chain is stored as the text of an array.
update claims
set reviewer_role = coalesce((review #>> '{}')::jsonb -> 0 ->> 'role', '')
from incentives
where
    incentives.organisation = claims.organisation and incentives.incentive = claims.incentive
    and state = 'in_review' and reviewer = '';

create index claims_newest on claims (organisation, create_time desc, claim desc);
create index claims_in_review on claims (organisation, create_time desc, claim desc) where state = 'in_review';
create index claims_of_person on claims (organisation, person, create_time desc, claim desc);
create index claims_of_incentive on claims (organisation, incentive, create_time desc, claim desc);
create index claims_decided on claims (organisation, decided_by, create_time desc, claim desc) where decided_by <> '';
create index claims_decided_for on claims (organisation, right_of, create_time desc, claim desc) where right_of <> '';

create index delegations_newest on delegations (organisation, create_time desc, delegation desc);
create index delegations_by on delegations (organisation, approver, create_time desc, delegation desc);
create index delegations_for on delegations (organisation, delegate, create_time desc, delegation desc);

create index achievements_newest on achievements (organisation, record_time desc, payout desc);
create index achievements_of_source on achievements (organisation, source, record_time desc, payout desc);
create index achievements_of_person on achievements (organisation, person, record_time desc, payout desc);

create index payouts_newest on payouts (organisation, create_time desc, payout desc);
create index payouts_of_budget on payouts (organisation, award_budget, create_time desc, payout desc);
create index payouts_of_person on payouts (organisation, person, create_time desc, payout desc);
-- Of most nothing is to be done any more: what waits, and what was refused, is found without them.
create index payouts_not_paid on payouts (organisation, create_time desc, payout desc) where state <> 'paid';
-- What was paid in a year, for the taxable values of it.
create index payouts_paid on payouts (organisation, settle_time) where state = 'paid';
