-- name: edit_window$
select edit_window from recognition_settings where organisation = :organisation;

-- name: set_edit_window!
insert into recognition_settings (organisation, edit_window, actor, update_time)
values (:organisation, :edit_window, :actor, :update_time)
on conflict (organisation) do update
set edit_window = excluded.edit_window, actor = excluded.actor, update_time = excluded.update_time;
