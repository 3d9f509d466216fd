-- name: ensure_position!
-- The first position sees nothing: all that is in the source will be sent.
insert into relay_positions (source, since) values (:source, '1:1:') on conflict do nothing;

-- name: read_position^
select since::text, until::text, last_id, entry_id, pg_current_snapshot()::text as now,
    pg_snapshot_xmax(since) > pg_snapshot_xmax(pg_current_snapshot()) as ahead
from relay_positions where source = :source;

-- name: lock_position^
-- No row: another relay of the service is sending.
select since::text, until::text, last_id, entry_id, pg_current_snapshot()::text as now,
    pg_snapshot_xmax(since) > pg_snapshot_xmax(pg_current_snapshot()) as ahead
from relay_positions where source = :source
for update skip locked;

-- name: move_position!
update relay_positions
set since = :since::text::pg_snapshot, until = :until::text::pg_snapshot, last_id = :last_id, entry_id = :entry_id
where source = :source;
