"""Everything at once on a few accounts, from several workers: each count comes out exactly, and nothing locks up."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory, wait_until
from tests.contract.ledger.world import EARN, MEMBER, RECOGNITION, Shop, World, findings
from tests.integration.ledger.connections import Connection, MovableTime, outcomes

MEMBERS = ("ada", "ben", "cem")
CONNECTIONS = 9


@pytest.fixture
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    settings = {"workers": "3", "ledger_sweep_every_s": "0.05", "ledger_checkpoint_every_s": "0.1"}
    service = module_services.start("ledger", databases.make("ledger"), settings=settings)
    yield service
    service.process.stop()
    databases.drop(service.database)


async def test_everything_at_once_on_three_accounts_comes_out_exactly_and_without_a_deadlock(
    running: RunningService, module_services: ServiceFactory, time: MovableTime
) -> None:
    world = World(running.target, module_services.identity)
    shop = await world.shop()
    await shop.add_many(MEMBERS)
    soon, later = time.ahead(hours=1), time.ahead(days=30)
    earned: dict[str, list[str]] = {}
    held = [(await prepare(shop, member, soon, later, earned)).name for member in MEMBERS]
    connections = [Connection(running.target, module_services.identity.token()) for _ in range(CONNECTIONS)]
    world._clients += connections
    ways = [Shop(shop.name, connection) for connection in connections]
    time.pass_(hours=2)  # three hundred lots and three holds are over: whoever comes first books that

    calls: list[tuple[str, Any]] = []
    for member, hold in zip(MEMBERS, held, strict=True):
        for n in range(100):
            calls.append(("spend", lambda way, m=member: way.spend(m, 10)))
            calls.append(("same", lambda way, m=member, n=n: way.earn(m, 1, request_id=f"same-{m}-{n % 10}")))
        calls += [("undo", lambda way, e=one: way.reverse(e, policy=1)) for one in earned[member] for _ in range(3)]
        calls += [("capture", lambda way, h=hold: way.capture(h)) for _ in range(5)]
        calls += [("release", lambda way, h=hold: way.release(h)) for _ in range(5)]
        calls += [("pending", lambda way, m=member: way.earn(m, 7, available_time=later)) for _ in range(20)]
    around = list(zip(MEMBERS, (*MEMBERS[1:], MEMBERS[0]), strict=True))
    for n in range(30):
        ring = [shop.posting(*around[(n + step) % 3], 1) for step in range(3)]
        calls.append(("ring", lambda way, ring=ring: way.post(RECOGNITION, *ring)))
    random.shuffle(calls)
    results = await asyncio.gather(
        *(counted(kind, call(ways[n % CONNECTIONS])) for n, (kind, call) in enumerate(calls))
    )

    counts = Counter(results)
    rings = counts.pop(("ring", "done"), 0) + counts.pop(("ring", "INSUFFICIENT_POINTS"), 0)
    assert rings == 30
    extra = counts["spend", "done"] - 3 * 50
    assert 0 <= extra <= 3, "the ten points that came in meanwhile can pay for one more spend each"
    assert counts == {
        ("spend", "done"): 150 + extra,
        ("spend", "INSUFFICIENT_POINTS"): 150 - extra,
        ("same", "done"): 300,
        ("undo", "done"): 3 * 20,
        ("undo", "OVER_REVERSAL"): 3 * 40,
        ("capture", "HOLD_EXPIRED"): 15,
        ("release", "HOLD_EXPIRED"): 15,
        ("pending", "done"): 60,
    }
    spent = 0
    for member in MEMBERS:
        balance = await shop.balance(member, full=True)
        lines = await shop.entries(member)
        kinds = Counter(line.kind for line in lines)
        spent += kinds[res.TRANSACTION_KIND_SPEND]
        assert (balance.held, balance.debt, balance.pending) == (0, 0, 20 * 7)
        assert balance.available == 500 + 10 - 10 * kinds[res.TRANSACTION_KIND_SPEND]
        assert (kinds[res.TRANSACTION_KIND_EXPIRY], kinds[res.TRANSACTION_KIND_REVERSAL]) == (100, 20)
        assert kinds[EARN] == 1 + 100 + 20 + 20 + 10
        assert balance.version == len(lines) + 2  # the hold placed, and lapsed
    assert spent == counts["spend", "done"]
    assert await findings(world.client()) == []
    await world.close()
    await asyncio.to_thread(running.process.stop)  # a connection that ends tells its last statistics
    owner = await asyncpg.connect(running.database.owner_url)

    async def alone() -> bool:
        return bool(
            await owner.fetchval("select count(*) = 1 from pg_stat_activity where datname = current_database()")
        )

    await wait_until(alone, 10)
    assert await owner.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
    await owner.close()


async def prepare(shop: Shop, member: str, soon: Any, later: Any, earned: dict[str, list[str]]) -> res.Hold:
    """500 to spend, a hundred lots that are soon over, one of them held until then, and twenty earns to come."""
    posting = shop.posting("issuance.points", member, 3, expire_time=soon)
    pending = shop.posting("issuance.points", member, 5, available_time=later)
    items = [
        pb.PostTransactionItem(transaction=shop.transaction(EARN, one), request_id=f"{member}-{n}")
        for n, one in enumerate([posting] * 100 + [pending] * 20)
    ]
    answer = await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
    earned[member] = [result.posted.transaction for result in answer.results[100:]]
    hold = await shop.hold(member, 3, soon)
    await shop.earn(member, 500)
    return hold


async def counted(kind: str, call: Any) -> tuple[str, str]:
    """What was asked, and what came of it."""
    done, refused = await outcomes([call])
    return (kind, "done") if done else (kind, refused[0].reason)


async def test_a_hold_whose_time_passes_while_many_resolve_it_ends_once(
    running: RunningService, module_services: ServiceFactory, time: MovableTime
) -> None:
    world = World(running.target, module_services.identity)
    shop = await world.shop()
    await shop.add("ada")
    await shop.earn("ada", 1000)
    connections = [Connection(running.target, module_services.identity.token()) for _ in range(CONNECTIONS)]
    world._clients += connections
    ways = [Shop(shop.name, connection) for connection in connections]
    captured = 0
    for _ in range(5):
        hold = (await shop.hold("ada", 10, time.ahead(minutes=30))).name
        calls = []
        for n in range(20):
            way = ways[n % CONNECTIONS]
            calls.append(counted("capture", way.capture(hold)) if n % 2 else counted("release", way.release(hold)))
        racing = asyncio.gather(*calls)
        await asyncio.sleep(0)
        time.pass_(hours=1)
        counts = Counter(await racing)
        done = {kind for kind, outcome in counts if outcome == "done"}
        ended = {
            frozenset({"capture"}): "HOLD_ALREADY_CAPTURED",
            frozenset({"release"}): "HOLD_ALREADY_RELEASED",
            frozenset(): "HOLD_EXPIRED",
        }[frozenset(done)]
        assert sum(n for (_, outcome), n in counts.items() if outcome == "done") == len(done)
        assert sum(n for (_, outcome), n in counts.items() if outcome == ended) == 20 - len(done)
        captured += "capture" in done
    balance = await shop.balance("ada")
    assert (balance.posted, balance.held, balance.available) == (1000 - 10 * captured, 0, 1000 - 10 * captured)
    assert await findings(world.client()) == []
    await world.close()


async def test_an_account_that_several_batches_open_at_once_is_opened_once(
    running: RunningService, module_services: ServiceFactory
) -> None:
    world = World(running.target, module_services.identity)
    shop = await world.shop()
    connections = [Connection(running.target, module_services.identity.token()) for _ in range(CONNECTIONS)]
    world._clients += connections
    ways = [Shop(shop.name, connection) for connection in connections]
    names = [f"new-{n}" for n in range(60)]

    async def batch(number: int, way: Shop, *, atomic: bool) -> list[Any]:
        order = random.sample(names, len(names))
        items = [
            pb.PostTransactionItem(
                transaction=shop.transaction(EARN, shop.posting("issuance.points", name, 1 + number)),
                request_id=f"{name}-{number}",
            )
            for name in order
        ]
        request = pb.BatchPostTransactionsRequest(
            parent=shop.name, items=items, open_accounts_in=f"{shop.name}/units/points", atomic=atomic
        )
        return list((await way.ledger.BatchPostTransactions(request)).results)

    results = await asyncio.gather(*(batch(n, way, atomic=n % 3 == 0) for n, way in enumerate(ways)))
    assert [result for answer in results for result in answer if not result.HasField("posted") or result.replayed] == []
    for name in names:
        balance = await shop.balance(name)
        assert (balance.posted, balance.version) == (sum(range(1, CONNECTIONS + 1)), CONNECTIONS)
    opened = await shop.ledger.ListAccounts(pb.ListAccountsRequest(parent=shop.name, kind=MEMBER, page_size=1000))
    assert sorted(account.name for account in opened.accounts) == sorted(shop.account(name) for name in names)
    assert await findings(world.client()) == []
    await world.close()
