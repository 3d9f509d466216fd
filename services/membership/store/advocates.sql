-- name: insert_advocate!
-- Nothing where the member has a code.
insert into advocates (member_no) values (:member_no) on conflict do nothing;

-- name: insert_referral_code!
-- Nothing where the code is another's.
insert into referral_codes (program_no, code, member_no, own) values (:program_no, :code, :member_no, true)
on conflict do nothing;

-- name: find_advocate^
select c.code, a.friends
from advocates a
join referral_codes c on c.member_no = a.member_no and c.own
where a.member_no = :member_no;

-- name: advocate_by_code^
select m.member_id
from referral_codes c
join members m on m.member_no = c.member_no
where c.program_no = :program_no and c.code = :code;

-- name: count_friend$
-- One friend more, or less: whoever counts holds the advocate's row until the transaction ends. Nothing where the advocate
-- was merged meanwhile.
update advocates set friends = friends + :more where member_no = :member_no returning friends;

-- name: take_milestones
-- The milestones above a number of friends are not reached any more.
update referrals set milestone = null
where milestone > :friends
    and advocate_no in (select member_no from members where member_no = :member_no or merged_into = :member_no)
returning prize_id;

-- name: hold_advocates
select member_no, friends from advocates where member_no = any(:member_nos::bigint[]) order by member_no for update;

-- name: merge_advocate!
insert into advocates as a (member_no, friends) values (:into, :friends)
on conflict (member_no) do update set friends = a.friends + excluded.friends;

-- name: delete_advocate!
delete from advocates where member_no = :member_no;

-- name: move_codes!
update referral_codes set member_no = :into, own = own and :own where member_no = :member_no;

-- name: milestones_of_advocate
-- Those that are reached, under all ids of the advocate, the latest friend last.
select milestone, prize_id, friend_no, advocate_no
from referrals
where milestone is not null
    and advocate_no in (select member_no from members where member_no = :member_no or merged_into = :member_no)
order by qualify_time, friend_no;

-- name: friends_without_prize
-- The latest friends of an advocate with whom no milestone is reached.
select friend_no, advocate_no
from referrals
where state = 2 and milestone is null
    and advocate_no in (select member_no from members where member_no = :member_no or merged_into = :member_no)
order by qualify_time desc, friend_no desc
limit :most;

-- name: set_milestone!
update referrals set milestone = :milestone, prize_id = :prize_id where friend_no = :friend_no and advocate_no = :advocate_no;
