-- Closing the books: see docs/adr/0013.

-- name: books_changes
-- The newest changes below a number, newest first.
select number, close_time, actor, person, reason, record_time
from books_changes
where shard = :shard and program = :program and number < :before::bigint
order by number desc
limit :limit;

-- name: insert_books_change!
insert into books_changes (shard, program, number, close_time, actor, person, reason, record_time)
values (:shard, :program, :number, :close_time, :actor, :person, :reason, :record_time)
on conflict do nothing;

-- name: transactions_under_way
-- Every transaction holds a lock on its own number from its beginning until its effects can be seen. Long reads write
-- nothing and are not waited for.
select l.virtualtransaction as id
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'virtualxid' and l.mode = 'ExclusiveLock' and l.pid <> pg_backend_pid()
  and a.datname = current_database() and a.usename = current_user and a.application_name <> :long_reads;
