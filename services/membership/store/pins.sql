-- name: write_pin!
insert into pins (member_no, salt, hash) values (:member_no, :salt, :hash)
on conflict (member_no) do update set salt = excluded.salt, hash = excluded.hash, tries = 0;

-- name: delete_pin!
delete from pins where member_no = :member_no;

-- name: try_pin^
-- Counted before it is looked at: of many who try at once, no more get an answer than may.
update pins set tries = tries + 1 where member_no = :member_no and tries < :tries_max returning salt, hash, tries;

-- name: has_pin$
select exists (select from pins where member_no = :member_no);

-- name: forgive_pin!
-- Not where another one was set meanwhile.
update pins set tries = 0 where member_no = :member_no and salt = :salt;
