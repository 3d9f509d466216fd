-- name: book_bonus!
-- Adds a bonus where it fits under the cap; the row stays locked either way.
insert into bonus_usage as kept (sender, account, receiver, period, begin_date, points, cap)
values (:sender, :account, :receiver, :period, :begin_date, :points, :cap)
on conflict (sender, account, receiver, period, begin_date) do update
set points = kept.points + excluded.points, cap = excluded.cap
where kept.points + excluded.points <= excluded.cap;

-- name: find_bonus$
select points from bonus_usage
where
    sender = :sender and account = :account and receiver = :receiver and period = :period
    and begin_date = :begin_date;

-- name: release_bonus!
-- Counts that are long over may have been deleted.
update bonus_usage set points = points - :points
where
    sender = :sender and account = :account and receiver = :receiver and period = :period
    and begin_date = :begin_date;

-- name: prune_bonuses!
delete from bonus_usage
where
    (sender, account, receiver, period, begin_date) in (
        select sender, account, receiver, period, begin_date from bonus_usage where begin_date < :before limit :most
    );
