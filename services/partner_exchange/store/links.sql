-- name: insert_link_policy!
-- As the next version: who writes one holds the coalition's lock, or has just made it.
insert into link_policies (coalition, version, optional, cooling_off_hours, links_per_year, actor, create_time)
select
    :coalition::text, coalesce(max(version), 0) + 1, :optional::boolean, :cooling_off_hours::int, :links_per_year::int,
    :actor::text, :create_time::timestamptz
from link_policies
where coalition = :coalition;

-- name: find_link_policy^
select optional, cooling_off_hours, links_per_year from link_policies
where coalition = :coalition
order by version desc
limit 1;

-- name: put_link_code!
-- An account has one at a time.
insert into link_codes (partner, account, coalition, digest, consent, given_names, family_name, expire_time)
values (:partner, :account, :coalition, :digest, :consent, :given_names, :family_name, :expire_time)
on conflict (partner, account) do update
set
    digest = excluded.digest, consent = excluded.consent, given_names = excluded.given_names,
    family_name = excluded.family_name, expire_time = excluded.expire_time;

-- name: find_link_code^
-- Whoever else takes it waits, and finds it gone.
select partner, account, coalition, consent, given_names, family_name, expire_time
from link_codes
where digest = :digest
for update;

-- name: delete_link_code!
delete from link_codes where digest = :digest;

-- name: prune_link_codes!
delete from link_codes where expire_time < :now;

-- name: lock_account!
-- One link of an account at a time: those of a year are counted and added to.
select pg_advisory_xact_lock(hashtextextended('links of ' || :partner::text || '/' || :account::text, 0));

-- name: links_made
-- When an account was linked with accounts of a partner after a time, newest first.
select create_time from member_links
where
    create_time > :after
    and (
        (partner_one = :partner and account_one = :account and partner_two = :other)
        or (partner_two = :partner and account_two = :account and partner_one = :other)
    )
order by create_time desc;

-- name: insert_link!
insert into member_links (
    link, partner_one, account_one, consent_one, partner_two, account_two, consent_two, create_time, usable_time
)
values (
    :link, :partner_one, :account_one, :consent_one, :partner_two, :account_two, :consent_two, :create_time,
    :usable_time
)
on conflict do nothing;

-- name: find_link^
select
    link, partner_one, account_one, consent_one, partner_two, account_two, consent_two, create_time, usable_time,
    unlink_time
from member_links
where link = :link;

-- name: list_links
select
    link, partner_one, account_one, consent_one, partner_two, account_two, consent_two, create_time, usable_time,
    unlink_time
from member_links
where
    (
        (partner_one = :partner and (:account::text is null or account_one = :account))
        or (partner_two = :partner and (:account::text is null or account_two = :account))
    )
    and (create_time, link) < (:before_time::timestamptz, :before_link::text)
order by create_time desc, link desc
limit :most;

-- name: end_link!
update member_links set unlink_time = :now, unlinker = :unlinker where link = :link and unlink_time is null;

-- name: cool_off!
-- Links of an account can be used no sooner than then.
update member_links set usable_time = greatest(usable_time, :usable_time::timestamptz)
where
    unlink_time is null
    and ((partner_one = :partner and account_one = :account) or (partner_two = :partner and account_two = :account));

-- name: usable_time$
-- From when on the accounts are linked; null: they are not.
select usable_time from member_links
where
    partner_one = :partner_one and account_one = :account_one and partner_two = :partner_two
    and account_two = :account_two and unlink_time is null;
