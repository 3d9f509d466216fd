-- Nothing bounds a system account: what one program issues may pass int64 while every member's balance stays within
-- it. As a bigint the sum failed, and with it the checkpoints of every other program of the shard.
alter table checkpoints alter column posted type numeric;
