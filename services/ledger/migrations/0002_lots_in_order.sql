-- The open lots of an account in the order in which they are consumed, so that a debit reads the first few of them and not
-- all; the few that expire at one time are sorted by their ids as they are read.
create index lots_open_in_order on lots (shard, account, expire_time) where not closed;
drop index lots_open;
