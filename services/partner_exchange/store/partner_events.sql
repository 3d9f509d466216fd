-- name: events_after
select id, event_id, type, time, payload
from told_events
where owner = :partner and id > :after
order by id
limit :most;
