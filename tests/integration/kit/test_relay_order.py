"""However transactions interleave, the stream has each committed change once, and each key in order."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from guerdon_kit.embedded import Endpoints
from guerdon_kit.events import Outbox, Relay
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.provision import ServiceDatabase
from tests.integration.kit.changes import STREAM, change, drain, numbers, sent

WRITERS = 4
Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["change", "change", "commit", "commit", "rollback", "relay"]),
        st.integers(0, WRITERS - 1),
        st.integers(0, 2),
    ),
    min_size=5,
    max_size=40,
)


class RolledBack(Exception):
    pass


@dataclass
class Writers:
    """Some writers, each with at most one open transaction, and what they have committed."""

    db: Database
    locks: dict[str, int] = field(default_factory=dict)
    committed: dict[str, int] = field(default_factory=dict)
    _open: dict[int, tuple[AsyncExitStack, Connection, list[str]]] = field(default_factory=dict)

    async def change(self, writer: int, key: str) -> None:
        if self.locks.setdefault(key, writer) != writer:
            return  # another holds the row: this one would wait until that ends
        if writer not in self._open:
            stack = AsyncExitStack()
            self._open[writer] = (stack, await stack.enter_async_context(self.db.transaction()), [])
        _, connection, keys = self._open[writer]
        await change(connection, key)
        keys.append(key)

    async def end(self, writer: int, *, commit: bool) -> None:
        if writer not in self._open:
            return
        stack, _, keys = self._open.pop(writer)
        if commit:
            await stack.aclose()
        else:
            with suppress(RolledBack):
                await stack.__aexit__(RolledBack, RolledBack(), None)
        for key in keys:
            self.locks.pop(key, None)
            self.committed[key] = self.committed.get(key, 0) + commit

    async def end_all(self) -> None:
        for writer in range(WRITERS):
            await self.end(writer, commit=True)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_however_transactions_interleave_each_key_is_complete_and_in_order(
    kit_database: ServiceDatabase, fresh_endpoints: Endpoints, steps: list[Step]
) -> None:
    asyncio.run(interleave(kit_database.runtime_url, fresh_endpoints.redis_events_url, steps))


async def interleave(database_url: str, redis_url: str, steps: list[Step]) -> None:
    db = await Database.open(database_url, name="test", size=WRITERS + 2)
    redis = Redis.from_url(redis_url)
    try:
        relay = Relay(db, redis, Outbox("membership"), page=2)
        await relay.prepare()
        await drain(relay)  # the database is the same for all examples: their keys are not
        await redis.xtrim(STREAM, 0, approximate=False)
        example = secrets.token_hex(4)
        writers = Writers(db)
        for action, writer, key in steps:
            if action == "relay":
                await relay.turn()
            elif action == "change":
                await writers.change(writer, f"{example}-{key}")
            else:
                await writers.end(writer, commit=action == "commit")
        await writers.end_all()
        await drain(relay)
        events = await sent(redis)
        expected = {key: list(range(1, count + 1)) for key, count in writers.committed.items() if count}
        assert numbers(events) == expected
        assert len(events) == sum(writers.committed.values())
    finally:
        await redis.aclose()
        await db.close(timedelta(seconds=1))
