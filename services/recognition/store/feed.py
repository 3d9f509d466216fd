"""The feed, merged from what has its kinds: each page reads at most a page of each."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from recognition.domain.feed import FeedItem, newest
from recognition.store import awards, celebrations, planned, recognitions
from recognition.store.positions import Position
from recognition.store.recognitions import Feed


async def list_items(connection: Connection, feed: Feed, most: int) -> list[FeedItem]:
    """At most so many of what the viewer sees, newest first; of what is wanted, a person, a team and a value count.
    Only recognitions are for a value.
    """
    position = Position(feed.before_time, feed.before, most)
    async with planned.for_values(connection):
        thanks = await recognitions.list_feed(connection, feed, most)
        found = [FeedItem(one.create_time, one.id, one) for one in thanks]
        if feed.wanted.value is None:
            found += await awards.list_of_feed(connection, feed.organisation, feed.viewer, feed.wanted, position)
            found += await celebrations.list_of_feed(connection, feed.organisation, feed.viewer, feed.wanted, position)
    return newest(found, most)
