"""Any part killed in the middle of a load: what was acknowledged is there, and nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from guerdon import RefusedError, UnavailableError
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from guerdon_kit.testing.fixtures import OwnServers
from guerdon_kit.testing.fork_server import ForkServer
from tests.contract.ledger.test_atomic_batch import Item, item, post, reasons
from tests.contract.ledger.world import RECOGNITION, TRANSFER, Shop, World, findings
from tests.integration.ledger.connections import Connection, insist

CALLERS = 16
MEMBERS = 8
KILL_AFTER = 60
"""Acknowledged before the first kill, and between two."""


@dataclass
class Tally:
    """What was acknowledged to all callers."""

    earned: dict[str, int] = field(default_factory=dict)
    """Amounts by request."""
    spent: dict[str, int] = field(default_factory=dict)
    given: dict[str, int] = field(default_factory=dict)
    together: list[list[Item]] = field(default_factory=list)
    """Atomic batches: each gives one point away and gets it back."""
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.earned) + len(self.spent) + len(self.given) + len(self.together) + len(self.refused)


async def post_together(shop: Shop, items: list[Item]) -> str:
    """Posts an atomic batch; answers what refused it, or nothing."""
    told = reasons(await post(shop, items))
    if told == ["UNAVAILABLE"] * len(items):
        raise UnavailableError(grpc.StatusCode.UNAVAILABLE, "the batch's outcome is unknown")
    refused = [reason for reason in told if not reason.startswith("BATCH_NOT_POSTED")]
    assert told == [""] * len(items) or (len(refused) == 1 and "" not in told), told
    return refused[0]


async def load(shop: Shop, caller: int, tally: Tally, stopped: asyncio.Event) -> None:
    """Posts until it is told to stop, each request until it is answered."""
    step = 0
    while not stopped.is_set():
        step += 1
        member, other = f"m{caller % MEMBERS}", f"m{(caller + step) % MEMBERS}"
        request, amount = f"{caller}-{step}", step % 7 + 1
        try:
            match step % 4:
                case 0:
                    await insist(lambda: shop.spend(member, amount, request))  # noqa: B023 - awaited at once
                    tally.spent[request] = amount
                case 1 if member != other:
                    posting = shop.posting(member, other, 1)
                    await insist(lambda: shop.post(RECOGNITION, posting, request_id=request))  # noqa: B023 - as above
                    tally.given[request] = 1
                case 2 if member != other:
                    moves = [shop.posting(member, other, 1), shop.posting(other, member, 1)]
                    items = [item(shop.transaction(TRANSFER, move), f"{request}-{n}") for n, move in enumerate(moves)]
                    refusal = await insist(lambda: post_together(shop, items))  # noqa: B023 - as above
                    if refusal:
                        tally.refused[request] = refusal
                    else:
                        tally.together.append(items)
                case _:
                    await insist(lambda: shop.earn(member, amount, request_id=request))  # noqa: B023 - as above
                    tally.earned[request] = amount
        except RefusedError as refusal:
            tally.refused[request] = refusal.reason


@pytest.fixture
def servers(own_servers: OwnServers) -> EmbeddedServers:
    made = own_servers()
    made.start()
    return made


@pytest.fixture
def running(
    servers: EmbeddedServers,
    tmp_path_factory: pytest.TempPathFactory,
    identity: DevelopmentIdentity,
    forks: ForkServer,
) -> Iterator[RunningService]:
    database = DatabaseFactory(servers.endpoints.postgres_url).make("ledger")
    factory = ServiceFactory(tmp_path_factory.mktemp("crash"), servers.endpoints, identity, forks=forks)
    yield factory.start("ledger", database, settings={"workers": "2", "ledger_checkpoint_every_s": "0.2"})
    factory.stop()


async def kill_and_start(process: ServerProcess) -> None:
    await asyncio.to_thread(process.kill)
    await asyncio.to_thread(process.start)


async def kill_one_worker(service: ServerProcess) -> None:
    """The service's supervisor starts it again; the other worker serves meanwhile."""
    os.kill(workers_of(service)[0], signal.SIGKILL)


def workers_of(service: ServerProcess) -> list[int]:
    """The processes that the service's supervisor has forked."""
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children")
    return [int(pid) for pid in children.read_text(encoding="ascii").split()]


@pytest.mark.crash
@pytest.mark.timeout(180)
async def test_what_was_acknowledged_survives_kills_of_whatever_part_and_nothing_is_posted_twice(
    servers: EmbeddedServers, running: RunningService, identity: DevelopmentIdentity
) -> None:
    world = World(running.target, identity)
    shop = await world.shop()
    await shop.add_many([f"m{n}" for n in range(MEMBERS)])
    tally, stopped = Tally(), asyncio.Event()
    connections = [Connection(running.target, identity.token()) for _ in range(CALLERS)]
    world._clients += connections
    callers = [
        asyncio.create_task(load(Shop(shop.name, connection), number, tally, stopped))
        for number, connection in enumerate(connections)
    ]

    def reached(count: int) -> Callable[[], bool]:
        return lambda: tally.count >= count or any(caller.done() for caller in callers)

    strikes: list[Callable[[], Awaitable[None]]] = [
        lambda: kill_and_start(running.process),
        lambda: kill_one_worker(running.process),
        lambda: kill_and_start(servers.postgres),
        lambda: kill_and_start(servers.cache),
        lambda: kill_one_worker(running.process),
        lambda: kill_and_start(servers.events),
        lambda: kill_and_start(servers.postgres),
    ]
    for strike in strikes:
        await wait_until(reached(tally.count + KILL_AFTER))
        await strike()
    await wait_until(reached(tally.count + KILL_AFTER))
    stopped.set()
    async with asyncio.timeout(60):
        await asyncio.gather(*callers)

    lines = [line for n in range(MEMBERS) for line in await insist(lambda n=n: shop.entries(f"m{n}"))]  # type: ignore[misc]  # bound now
    posted = await asyncio.gather(*(shop.balance(f"m{n}") for n in range(MEMBERS)))
    assert set(tally.refused.values()) <= {"INSUFFICIENT_POINTS"}
    assert sum(balance.posted for balance in posted) == sum(tally.earned.values()) - sum(tally.spent.values())
    single = len(tally.earned) + len(tally.spent) + 2 * len(tally.given)
    assert len(lines) == single + 4 * len(tally.together)
    assert (await shop.balance("issuance.points")).posted == -sum(tally.earned.values())
    assert (await shop.balance("redemption.points")).posted == sum(tally.spent.values())
    assert all(balance.available >= 0 for balance in posted)
    assert await findings(world.client()) == []

    for requests, again in ((tally.earned, shop.earn), (tally.spent, shop.spend)):
        request, amount = next(iter(requests.items()))
        member = f"m{int(request.partition('-')[0]) % MEMBERS}"
        await again(member, amount, request_id=request)
    assert tally.together
    for items in tally.together[:: len(tally.together) // 10 + 1]:
        assert all(result.replayed for result in await post(shop, items))
    assert await asyncio.gather(*(shop.balance(f"m{n}") for n in range(MEMBERS))) == posted
    await world.close()


@pytest.mark.crash
async def test_without_postgresql_a_call_is_told_so_and_serves_again_when_it_is_back(
    servers: EmbeddedServers, running: RunningService, identity: DevelopmentIdentity
) -> None:
    world = World(running.target, identity)
    shop = await world.shop()
    await shop.add("ada")
    servers.postgres.kill()
    with pytest.raises(UnavailableError) as away:
        await shop.earn("ada", 5, request_id="r1")
    assert away.value.reason in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
    await asyncio.to_thread(servers.postgres.start)
    await insist(lambda: shop.earn("ada", 5, request_id="r1"))
    assert (await insist(lambda: shop.balance("ada"))).posted == 5
    await world.close()
