-- name: forget_told!
-- What was told of these recognitions, with what became of its webhooks.
delete from told_events
where
    owner = any(:organisations::text[])
    and payload::jsonb -> 'data' ->> 'recognition' = any(:recognitions::text[]);
