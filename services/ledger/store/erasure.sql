-- Erases words. What is sealed of a memo stays: its digest with a salt that is gone.

-- name: erase_memos
-- Of the transactions in which an account's changes after a version up to another lie.
update transactions t
set memo = null, memo_salt = null, memo_digest = sha256(t.memo_salt || convert_to(t.memo, 'UTF8'))
where t.shard = :shard and t.memo is not null and t.id in (
    select p.id - p.ordinal from postings p
    where p.shard = :shard and p.source = :account and p.source_version > :after and p.source_version <= :last
    union all
    select p.id - p.ordinal from postings p
    where p.shard = :shard and p.destination = :account and p.destination_version > :after
      and p.destination_version <= :last
)
returning t.id, t.kind;

-- name: erase_memos_of!
-- Of transactions that lie in another shard too.
update transactions t
set memo = null, memo_salt = null, memo_digest = sha256(t.memo_salt || convert_to(t.memo, 'UTF8'))
where t.shard = :shard and t.memo is not null and t.id = any(:ids::bigint[]);

-- name: erase_purposes!
update holds h
set purpose = null
where h.shard = :shard and h.purpose is not null and h.id in (
    select e.hold from account_events e
    where e.shard = :shard and e.account = :account and e.kind = 1
);

-- name: last_version$
select version from accounts where shard = :shard and id = :account;
