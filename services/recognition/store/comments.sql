-- name: insert_comment!
insert into recognition_comments (organisation, comment, recognition, author, message, actor, create_time)
values (:organisation, :comment, :recognition, :author, :message, :actor, :create_time);

-- name: find_comment^
select organisation, comment, recognition, author, message, create_time
from recognition_comments
where
    organisation = :organisation and recognition = :recognition and comment = :comment and deleted_by is null;

-- name: count_comments$
select count(*) from recognition_comments
where organisation = :organisation and recognition = :recognition and deleted_by is null;

-- name: list_comments
select organisation, comment, recognition, author, message, create_time
from recognition_comments
where
    organisation = :organisation and recognition = :recognition and deleted_by is null
    and (create_time, comment) > (:after_time::timestamptz, :after::text)
order by create_time, comment
limit :most;

-- name: delete_comment!
update recognition_comments
set deleted_by = :actor
where organisation = :organisation and comment = :comment and deleted_by is null;

-- name: insert_reaction!
insert into recognition_reactions (organisation, recognition, person, emoji, create_time)
values (:organisation, :recognition, :person, :emoji, :create_time)
on conflict do nothing;

-- name: delete_reaction!
delete from recognition_reactions
where organisation = :organisation and recognition = :recognition and person = :person and emoji = :emoji;

-- name: list_reactions
select emoji, count(*)::integer as count, coalesce(bool_or(person = :person::text), false) as mine
from recognition_reactions
where organisation = :organisation and recognition = :recognition
group by emoji
order by count desc, min(create_time), emoji;

-- name: list_echoes
-- What was said to some recognitions: how many comments (no emoji), and how often each emoji, the most frequent first.
select recognition, '' as emoji, count(*)::integer as count, false as mine, min(create_time) as first_time
from recognition_comments
where organisation = :organisation and recognition = any(:recognitions::text[]) and deleted_by is null
group by recognition
union all
select recognition, emoji, count(*)::integer, coalesce(bool_or(person = :person::text), false), min(create_time)
from recognition_reactions
where organisation = :organisation and recognition = any(:recognitions::text[])
group by recognition, emoji
order by recognition, count desc, first_time, emoji;
