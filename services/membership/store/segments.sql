-- name: hold_segments!
-- For no key update: those who rate purchases meanwhile do not wait.
select 1 from programs where program_no = :program_no for no key update;

-- name: count_segments$
select count(*) from segments where program_no = :program_no and not archived;

-- name: insert_segment!
insert into segments (program_no, segment_id, display_name, condition, create_time, update_time, actor)
values (:program_no, :segment_id, :display_name, :condition, :now, :now, :actor);

-- name: update_segment!
update segments set display_name = :display_name, condition = :condition, update_time = :now, actor = :actor
where program_no = :program_no and segment_id = :segment_id;

-- name: archive_segment!
update segments set archived = true, update_time = :now, actor = :actor
where program_no = :program_no and segment_id = :segment_id and not archived;

-- name: find_segment^
select * from segments where program_no = :program_no and segment_id = :segment_id;

-- name: list_segments
select * from segments where program_no = :program_no and segment_id > :after order by segment_id limit :most;

-- name: segments_in_use
select * from segments where program_no = :program_no and not archived order by segment_id;

-- name: add_member_purchases!
insert into member_purchases as p (member_no, year, purchases, spend, last_time)
select * from unnest(
    :member_nos::bigint[], :years::smallint[], :purchases::bigint[], :spends::bigint[], :last_times::timestamptz[]
)
on conflict (member_no, year) do update
set purchases = p.purchases + excluded.purchases, spend = p.spend + excluded.spend,
    last_time = greatest(p.last_time, excluded.last_time);

-- name: lower_member_purchases!
update member_purchases set purchases = purchases - :purchases, spend = spend - :spend
where member_no = :member_no and year = :year;

-- name: member_purchases
select * from member_purchases where member_no = any(:member_nos::bigint[]) order by member_no, year;

-- name: move_member_purchases!
insert into member_purchases as p (member_no, year, purchases, spend, last_time)
select :into, year, purchases, spend, last_time from member_purchases where member_no = :member_no
on conflict (member_no, year) do update
set purchases = p.purchases + excluded.purchases, spend = p.spend + excluded.spend,
    last_time = greatest(p.last_time, excluded.last_time);

-- name: empty_member_purchases!
update member_purchases set purchases = 0, spend = 0 where member_no = :member_no;
