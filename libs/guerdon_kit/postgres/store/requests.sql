-- name: find_request^
select digest, fields, outcome, refusal from requests where key = :key;

-- name: record_request!
-- Waits for another transaction that is recording the same key, and then records nothing.
insert into requests (key, digest, fields, outcome, refusal)
values (:key, :digest, :fields, :outcome, :refusal)
on conflict do nothing;

-- name: find_requests
select key, digest, fields, outcome, refusal from requests where key = any(:keys::bytea[]);

-- name: record_requests!
-- As `record_request`; fewer than asked for: others have recorded some of the keys.
insert into requests (key, digest, fields, outcome)
select * from unnest(:keys::bytea[], :digests::bytea[], :fields::bytea[], :outcomes::bytea[])
on conflict do nothing;

-- name: forget_requests!
delete from requests where key = any(:keys::bytea[]);

-- name: prune_requests!
-- By PostgreSQL's clock: retention is real time, whatever a test makes of the services' clock.
delete from requests where key in (
    select key from requests where record_time < now() - :keep::interval limit :most
);
