-- Which words are common. Those of an index are not asked where it is partial, so that every word was taken for rare, and for
-- a common one all thanks were read and sorted. Until the first ANALYZE, a minute or so after the first thanks, none are
-- known: a rare word is then looked for along the feed.
create statistics recognitions_said on to_tsvector('simple', message) from recognitions;
