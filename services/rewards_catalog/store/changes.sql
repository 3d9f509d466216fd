-- name: insert_change!
insert into changes (program, subject, change, amount, actor, time)
values (:program, :subject, :change, :amount, :actor, :time);
