-- The open lots of an account in the order in which they are consumed, so that a debit reads the first few of them and not
-- all. Of lots that expire at the same time the older one has the lower id.
create index lots_open_in_order on lots (shard, account, expire_time, id) where not closed;
drop index lots_open;
