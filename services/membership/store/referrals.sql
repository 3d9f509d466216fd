-- name: insert_referral_terms!
-- Nothing where another transaction made this version meanwhile.
insert into referral_terms (
    program_no, version, event, minimum_spend, advocate_points, friend_points, milestone_friends, milestone_points,
    expiry, address_warning, address_limit, closed, create_time, actor
)
values (
    :program_no, :version, :event, :minimum_spend, :advocate_points, :friend_points, :milestone_friends,
    :milestone_points, :expiry::smallint[], :address_warning, :address_limit, :closed, :create_time,
    :actor
)
on conflict do nothing;

-- name: referral_terms^
-- A version, or the newest.
select * from referral_terms
where program_no = :program_no and version = coalesce(
    :version::integer, (select max(version) from referral_terms where program_no = :program_no)
);

-- name: has_bought$
-- Of those purchases that earned something, also where they were returned.
select exists (select from member_years where member_no = :member_no);

-- name: has_former_contact$
select exists (
    select from contacts c
    join former_contacts f on f.program_no = c.program_no and f.kind = c.kind and f.value = c.value
    where c.member_no = :member_no and c.kind in (2, 3) and f.member_no <> :member_no
);

-- name: hold_address^
-- The claims from an address since some time, whose row is held until the transaction ends.
insert into referral_addresses as a (program_no, address, claim_times)
values (:program_no, :address, '{}')
on conflict (program_no, address) do update
set claim_times = array(select t from unnest(a.claim_times) as t where t > :since)
returning cardinality(claim_times) as claims;

-- name: count_address!
update referral_addresses set claim_times = claim_times || :now::timestamptz, last_time = :now
where program_no = :program_no and address = :address;

-- name: prune_addresses!
-- Some that were not heard of since.
delete from referral_addresses where (program_no, address) in (
    select program_no, address from referral_addresses where last_time <= :since
    order by last_time limit 10 for update skip locked
);

-- name: write_referral!
-- A refused one may be claimed again. Nothing where it is not refused, or the friend has another one.
insert into referrals as r (
    friend_no, advocate_no, program_no, version, state, refusal, warned, claim_time, actor
)
values (:friend_no, :advocate_no, :program_no, :version, :state, :refusal, :warned, :claim_time, :actor)
on conflict (friend_no, advocate_no) do update
set
    version = excluded.version, state = excluded.state, refusal = excluded.refusal, warned = excluded.warned,
    claim_time = excluded.claim_time, actor = excluded.actor
where r.state = 3;

-- name: move_referral!
update referrals
set state = :state, refusal = :refusal, qualify_time = :qualify_time, purchase_id = :purchase_id, milestone = :milestone,
    prize_id = coalesce(prize_id, :prize_id)
where friend_no = :friend_no and advocate_no = :advocate_no;

-- name: set_referred!
update members set referred = :referred where member_no = :member_no;

-- name: referrals_of_friends
-- Under all ids of each friend.
select
    r.*, a.member_no as advocate_person, a.member_id as advocate_id, f.member_no as friend_person, f.member_id as friend_id,
    rf.member_id as claimed_by, t.advocate_points, t.friend_points
from referrals r
join members ra on ra.member_no = r.advocate_no
join members a on a.member_no = coalesce(ra.merged_into, ra.member_no)
join members rf on rf.member_no = r.friend_no
join members f on f.member_no = coalesce(rf.merged_into, rf.member_no)
join referral_terms t on t.program_no = r.program_no and t.version = r.version
where r.friend_no in (
    select member_no from members
    where member_no = any(:friend_nos::bigint[]) or merged_into = any(:friend_nos::bigint[])
)
order by f.member_no, r.claim_time, r.advocate_no;

-- name: list_referrals
-- Under all ids of the advocate.
select
    r.*, a.member_no as advocate_person, a.member_id as advocate_id, f.member_no as friend_person, f.member_id as friend_id,
    rf.member_id as claimed_by, t.advocate_points, t.friend_points
from members a
join members ra on ra.member_no = a.member_no or ra.merged_into = a.member_no
cross join lateral (
    select * from referrals
    where advocate_no = ra.member_no and (friend_no, advocate_no) < (:before_friend_no, :before_advocate_no)
    order by friend_no desc
    limit :most
) as r
join members rf on rf.member_no = r.friend_no
join members f on f.member_no = coalesce(rf.merged_into, rf.member_no)
join referral_terms t on t.program_no = r.program_no and t.version = r.version
where a.member_no = :advocate_no
order by r.friend_no desc, r.advocate_no desc
limit :most;
