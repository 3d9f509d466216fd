-- What followers of the journal go by, shard by shard: by xid alone, a shard where nothing happens read all that
-- happened in the others since its last event, ten times a second. A batch shares its xid, so that equal keys are kept
-- as one with a list of rows.
create index postings_shard_xid on postings (shard, xid);
drop index postings_xid;
