-- name: counted_changes$
select number from changes;
