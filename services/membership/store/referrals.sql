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

-- name: insert_advocate!
-- Nothing where the member has a code, or the code is another's.
insert into advocates (member_no, program_no, code) values (:member_no, :program_no, :code) on conflict do nothing;

-- name: find_advocate^
select code, friends from advocates where member_no = :member_no;

-- name: advocate_by_code^
select m.member_id
from advocates a
join members m on m.member_no = a.member_no
where a.program_no = :program_no and a.code = :code;

-- name: count_friend$
-- One friend more, or less: whoever counts holds the advocate's row until the transaction ends.
update advocates set friends = friends + :more where member_no = :member_no returning friends;

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
set state = :state, refusal = :refusal, qualify_time = :qualify_time, purchase_id = :purchase_id, milestone = :milestone
where friend_no = :friend_no and advocate_no = :advocate_no;

-- name: take_milestones
-- The milestones above a number of friends are not reached any more.
update referrals r set milestone = null
from members m
where r.advocate_no = :advocate_no and r.milestone > :friends and m.member_no = r.friend_no
returning m.member_id;

-- name: set_referred!
update members set referred = :referred where member_no = :member_no;

-- name: referrals_of_friends
select
    r.*, a.member_id as advocate_id, f.member_id as friend_id, t.advocate_points, t.friend_points
from referrals r
join members a on a.member_no = r.advocate_no
join members f on f.member_no = r.friend_no
join referral_terms t on t.program_no = r.program_no and t.version = r.version
where r.friend_no = any(:friend_nos::bigint[])
order by r.friend_no, r.claim_time, r.advocate_no;

-- name: list_referrals
select
    r.*, a.member_id as advocate_id, f.member_id as friend_id, t.advocate_points, t.friend_points
from referrals r
join members a on a.member_no = r.advocate_no
join members f on f.member_no = r.friend_no
join referral_terms t on t.program_no = r.program_no and t.version = r.version
where r.advocate_no = :advocate_no and r.friend_no < :before
order by r.friend_no desc
limit :most;
