-- name: consent_codes_made$
select made_times from consent_codes where member_no = :member_no;

-- name: write_consent_code!
insert into consent_codes (member_no, salt, hash, expire_time, made_times)
values (:member_no, :salt, :hash, :expire_time, :made_times)
on conflict (member_no) do update
set salt = excluded.salt, hash = excluded.hash, tries = 0, expire_time = excluded.expire_time,
    made_times = excluded.made_times;

-- name: try_consent_code^
-- Counted before it is looked at, as PINs are.
update consent_codes set tries = tries + 1
where member_no = :member_no and tries < :tries_max and expire_time > :now and hash is not null
returning salt, hash, tries;

-- name: use_consent_code!
-- Not where it was used or replaced meanwhile.
update consent_codes set salt = null, hash = null where member_no = :member_no and salt = :salt;

-- name: write_consent_token!
insert into consent_tokens (member_no, hash, expire_time) values (:member_no, :hash, :expire_time)
on conflict (member_no) do update set hash = excluded.hash, expire_time = excluded.expire_time;

-- name: use_consent_token!
delete from consent_tokens where member_no = :member_no and hash = :hash and expire_time > :now;

-- name: forget_consents!
-- All by which a member consents.
with codes as (delete from consent_codes where member_no = :member_no),
    tokens as (delete from consent_tokens where member_no = :member_no)
delete from pins where member_no = :member_no;
