-- name: ensure_consumer!
insert into consumer_positions (consumer, stream) values (:consumer, :stream) on conflict do nothing;

-- name: read_consumer$
select entry_id from consumer_positions where consumer = :consumer and stream = :stream;

-- name: lock_consumer$
-- No row: another worker is consuming.
select entry_id from consumer_positions where consumer = :consumer and stream = :stream
for update skip locked;

-- name: move_consumer!
update consumer_positions set entry_id = :entry_id where consumer = :consumer and stream = :stream;

-- name: claim_events
-- Which of the events this consumer has not had yet; they count as consumed when the transaction commits.
insert into consumed_events (consumer, event_id)
select :consumer, id from unnest(:event_ids::uuid[]) as id
on conflict do nothing
returning event_id;

-- name: park_event!
insert into parked_events (consumer, event_id, stream, entry_id, event, error)
values (:consumer, :event_id, :stream, :entry_id, :event, :error)
on conflict do nothing;

-- name: prune_consumed!
delete from consumed_events where (consumer, event_id) in (
    select consumer, event_id from consumed_events
    where record_time < now() - :keep::interval
    limit :most
);
