-- name: insert_offer!
-- Nothing where the id is taken.
insert into offers (
    program_no, offer_id, display_name, goal, minimum_spend, visits, points, expiry, acceptance_required,
    holdout_numerator, holdout_denominator, create_time, actor
)
values (
    :program_no, :offer_id, :display_name, :goal, :minimum_spend, :visits, :points, :expiry::smallint[],
    :acceptance_required, :holdout_numerator, :holdout_denominator, :create_time, :actor
)
on conflict do nothing;

-- name: find_offer^
select * from offers where program_no = :program_no and offer_id = :offer_id;

-- name: list_offers
select * from offers where program_no = :program_no and offer_id > :after order by offer_id limit :most;

-- name: archive_offer!
update offers set archived = true where program_no = :program_no and offer_id = :offer_id;

-- name: insert_sending$
insert into offer_sendings (program_no, offer_no, start_time, end_time, create_time, actor, segment_id, due_time)
values (:program_no, :offer_no, :start_time, :end_time, :create_time, :actor, :segment_id, :due_time)
returning sending_no;

-- name: count_sent!
update offer_sendings set sent = sent + :sent, held_out = held_out + :held_out, skipped = skipped + :skipped
where sending_no = :sending_no;

-- name: find_sending^
select s.*, o.offer_id from offer_sendings s join offers o on o.offer_no = s.offer_no
where s.sending_no = :sending_no;

-- name: hold_sending^
-- Held: whoever goes on with it does so alone.
select s.*, o.offer_id from offer_sendings s join offers o on o.offer_no = s.offer_no
where s.sending_no = :sending_no and s.due_time is not null
for no key update of s;

-- name: move_sending!
update offer_sendings
set after_member_id = :after, due_time = case when :done then null else due_time end, attempts = 0
where sending_no = :sending_no;

-- name: claim_sendings
update offer_sendings set due_time = :lease_end, attempts = attempts + 1
where sending_no in (
    select sending_no from offer_sendings where due_time <= :now
    order by due_time limit :most for update skip locked
)
returning sending_no, attempts;

-- name: put_off_sending!
update offer_sendings set due_time = :due_time where sending_no = :sending_no and due_time is not null;

-- name: running_counts
-- How many offers of each member are not over.
select member_no, count(*) as running
from personal_offers
where member_no = any(:member_nos::bigint[]) and end_time >= :now
group by member_no;

-- name: insert_personal_offers!
insert into personal_offers (
    sending_no, sent_to, member_no, offer_no, start_time, end_time, held_out, send_time, accept_time
)
select
    :sending_no, row.member_no, row.member_no, :offer_no, :start_time, :end_time, row.held_out, :now, row.accept_time
from unnest(:member_nos::bigint[], :held_out::boolean[], :accept_times::timestamptz[])
    as row (member_no, held_out, accept_time);

-- name: find_personal_offer^
select p.*, m.member_id, o.offer_id, o.display_name, o.goal, o.minimum_spend, o.visits, o.points, o.expiry,
    o.acceptance_required, o.holdout_numerator, o.holdout_denominator
from personal_offers p
join members m on m.member_no = p.member_no
join offers o on o.offer_no = p.offer_no
where p.sending_no = :sending_no and p.sent_to = :sent_to and m.program_no = :program_no;

-- name: list_personal_offers
select p.*, m.member_id, o.offer_id, o.display_name, o.goal, o.minimum_spend, o.visits, o.points, o.expiry,
    o.acceptance_required, o.holdout_numerator, o.holdout_denominator
from personal_offers p
join members m on m.member_no = p.member_no
join offers o on o.offer_no = p.offer_no
where p.member_no = :member_no and not p.held_out and (p.sending_no, p.sent_to) < (:sending_no, :sent_to)
order by p.sending_no desc, p.sent_to desc
limit :most;

-- name: counting_personal_offers
-- Those of members that purchases recorded now may count for, in the order in which they were sent.
select p.*, m.member_id, o.offer_id, o.display_name, o.goal, o.minimum_spend, o.visits, o.points, o.expiry,
    o.acceptance_required, o.holdout_numerator, o.holdout_denominator
from personal_offers p
join members m on m.member_no = p.member_no
join offers o on o.offer_no = p.offer_no
where p.member_no = any(:member_nos::bigint[]) and p.end_time >= :ended_since and p.accept_time is not null
order by p.sending_no, p.sent_to;

-- name: counted_personal_offers
-- Those that a purchase counts for.
select p.*, m.member_id, o.offer_id, o.display_name, o.goal, o.minimum_spend, o.visits, o.points, o.expiry,
    o.acceptance_required, o.holdout_numerator, o.holdout_denominator
from offer_purchases c
join personal_offers p on p.sending_no = c.sending_no and p.sent_to = c.sent_to
join members m on m.member_no = p.member_no
join offers o on o.offer_no = p.offer_no
where c.program_no = :program_no and c.purchase_id = :purchase_id
order by p.sending_no, p.sent_to;

-- name: accept_personal_offer!
update personal_offers set accept_time = :now where sending_no = :sending_no and sent_to = :sent_to;

-- name: advance_personal_offers!
update personal_offers p
set progress = row.progress, complete_time = row.complete_time, awards = row.awards
from unnest(
    :sending_nos::bigint[], :sent_to::bigint[], :progress::bigint[], :complete_times::timestamptz[], :awards::integer[]
) as row (sending_no, sent_to, progress, complete_time, awards)
where p.sending_no = row.sending_no and p.sent_to = row.sent_to;

-- name: insert_offer_purchases!
-- Fewer rows than asked for: another transaction recorded one of the purchases meanwhile.
insert into offer_purchases (program_no, purchase_id, sending_no, sent_to)
select :program_no, row.purchase_id, row.sending_no, row.sent_to
from unnest(:purchase_ids::text[], :sending_nos::bigint[], :sent_to::bigint[])
    as row (purchase_id, sending_no, sent_to)
on conflict do nothing;

-- name: offer_report^
select
    count(*) filter (where not p.held_out) as sent,
    count(*) filter (where not p.held_out and p.accept_time is not null) as accepted,
    count(*) filter (where not p.held_out and p.complete_time is not null) as completed,
    count(*) filter (where p.held_out) as held_out,
    count(*) filter (where p.held_out and p.complete_time is not null) as held_out_completed
from personal_offers p
where p.offer_no = :offer_no;
