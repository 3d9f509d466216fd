"""A running ledger, and ways to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.contract.ledger.world import World
from tests.integration.ledger.connections import Connection, MovableTime
from tests.integration.ledger.model.predict.records import EXCHANGER

CONNECTIONS = 6
DEVELOPER = "https://development.guerdon.dev|developer"
CONTROLLER = "https://development.guerdon.dev|controller"


@dataclass
class Bench:
    """A running ledger, and ways to it."""

    loop: asyncio.AbstractEventLoop
    connections: list[Connection]
    others: dict[str, Connection]
    """Calls as somebody else: partner-exchange, which alone may post an EXCHANGE, and a second person."""
    time: MovableTime
    swept: bool
    """Whether a sweeper runs: what the clock has done is then waited for."""
    faults: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What may happen to the servers between two requests."""
    steps: int = 0

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)


async def open_bench(world: World, time: MovableTime, *, swept: bool) -> Bench:
    """A bench at a ledger, with so many connections that each worker has some."""
    token = world.identity.token()
    connections = [Connection(world.target, token) for _ in range(CONNECTIONS)]

    async def short_lived() -> str:
        return world.service_token("partner_exchange", "programs/*")

    others = {
        EXCHANGER: Connection(world.target, short_lived),
        CONTROLLER: Connection(world.target, world.identity.token("controller")),
    }
    world._clients += [*connections, *others.values()]
    return Bench(asyncio.get_running_loop(), connections, others, time, swept)
