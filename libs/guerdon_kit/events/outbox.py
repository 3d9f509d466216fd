"""The outbox: events lie in the service's own database until they are relayed, and for a while after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from guerdon_kit.events.event import CloudEvent, Event
from guerdon_kit.events.pace import Rest
from guerdon_kit.events.relay import Relayed
from guerdon_kit.postgres import Connection, Database, load_queries
from guerdon_kit.postgres.retention import HOURLY, delete_in_steps, repeat

_queries = load_queries("guerdon_kit.events")


async def publish(connection: Connection, *events: Event) -> None:
    """Writes the events into the outbox, in the transaction that `connection` has open.

    Their order among events of the same key is kept if the transaction holds, before this call, a lock that
    every writer of the key takes (the row whose change they tell of): then ids are drawn in the order in
    which the transactions of a key commit.
    """
    if events:
        await _queries.publish_events(
            connection,
            types=[event.type for event in events],
            subjects=[event.subject for event in events],
            keys=[event.key for event in events],
            times=[event.time for event in events],
            data=[event.encoded for event in events],
        )
        Rest.stir_all()


class Outbox:
    """The outbox as a source of the relay."""

    def __init__(self, service: str) -> None:
        self.name = "outbox"
        self.service = service

    async def start(self, connection: Connection, since: str, until: str) -> int | None:
        """The lowest id between the snapshots; None where there is none."""
        lowest: int | None = await _queries.interval_start(connection, since=since, until=until)
        return lowest

    async def page(self, connection: Connection, since: str, until: str, after: int, most: int) -> Sequence[Relayed]:
        """The next events between the snapshots, in the order of ids."""
        return [
            Relayed(
                row["id"],
                CloudEvent(
                    id=row["event_id"],
                    source=f"//guerdon.dev/{self.service}",
                    type=row["type"],
                    subject=row["subject"],
                    key=row["key"],
                    time=row["time"],
                    data=row["data"],
                ),
            )
            async for row in _queries.interval_page(connection, since=since, until=until, after=after, most=most)
        ]

    async def prune(self, database: Database, keep: timedelta) -> int:
        """Deletes events that were sent and are older than `keep`; answers how many.

        `keep` is how long a stream that lost its data can be filled again.
        """

        async def delete(connection: Connection, most: int) -> int:
            deleted: int = await _queries.prune_outbox(connection, source=self.name, keep=keep, most=most)
            return deleted

        return await delete_in_steps(database, delete)

    async def pruning(self, database: Database, keep: timedelta, every: timedelta = HOURLY) -> None:
        """A job: prunes at each `every`, until it is cancelled."""
        await repeat(lambda: self.prune(database, keep), every)
