-- name: find_pause^
select reason, pause_time from corridor_pauses
where sender = :sender and receiver = :receiver and resume_time is null;

-- name: pause_corridor!
insert into corridor_pauses (sender, receiver, pause_time, reason, actor)
values (:sender, :receiver, :pause_time, :reason, :actor)
on conflict (sender, receiver) where resume_time is null do nothing;

-- name: resume_corridor!
update corridor_pauses set resume_time = :resume_time, resume_actor = :resume_actor
where sender = :sender and receiver = :receiver and resume_time is null;
