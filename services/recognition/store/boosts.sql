-- name: save_boost!
insert into allowance_boosts (organisation, person, amount, reason, actor, update_time)
values (:organisation, :person, :amount, :reason, :actor, :update_time)
on conflict (organisation, person)
do update set
    amount = excluded.amount, reason = excluded.reason, actor = excluded.actor, update_time = excluded.update_time;

-- name: find_boost^
select amount, reason from allowance_boosts where organisation = :organisation and person = :person;
