"""Balances as they are watched: the current ones, then every change, in the order of versions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from guerdon import GuerdonError, UnavailableError
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from guerdon_kit.testing import wait_until
from ledger.operations.watching import LOOK_EVERY_S
from tests.contract.ledger.world import (
    CLOSED,
    EARN,
    FROZEN,
    INVALID,
    NOT_FOUND,
    OPEN,
    PRECONDITION,
    Shop,
    World,
    refused,
)

PATIENCE_S = 30.0


class Watch:
    """What a watcher has been told so far."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def next(self) -> list[res.Balance]:
        """The next message's balances."""
        async with asyncio.timeout(PATIENCE_S):
            return list((await anext(self._stream)).balances)

    async def until(self, version: int) -> list[res.Balance]:
        """All that is told of one account up to that version."""
        told: list[res.Balance] = []
        while not told or told[-1].version < version:
            told += await self.next()
        return told


def request(shop: Shop, accounts: Mapping[str, int]) -> pb.WatchBalancesRequest:
    watched = [pb.WatchedAccount(name=shop.account(id_), min_version=version) for id_, version in accounts.items()]
    return pb.WatchBalancesRequest(parent=shop.name, accounts=watched)


@asynccontextmanager
async def watching(shop: Shop, timeout_s: float = 60.0, **accounts: int) -> AsyncIterator[Watch]:
    """Watches accounts, given by id with the versions they have at least."""
    call = shop.ledger.WatchBalances(request(shop, accounts), timeout=timeout_s)
    try:
        yield Watch(aiter(call))
    finally:
        call.cancel()


async def test_a_watcher_is_told_the_current_balances_then_each_change(shop: Shop) -> None:
    await shop.add_many(["ada", "ben", "eve"])
    await shop.earn("ada", 10)
    async with watching(shop, ada=0, ben=0) as watch:
        first = {balance.account: balance for balance in await watch.next()}
        assert {name: (b.posted, b.version) for name, b in first.items()} == {
            shop.account("ada"): (10, 1),
            shop.account("ben"): (0, 0),
        }
        await shop.earn("eve", 1)  # of no interest
        await shop.spend("ada", 4)
        assert await watch.next() == [await shop.balance("ada")]
        await shop.earn("ben", 7)
        [balance] = await watch.next()
        assert (balance.account, balance.available, balance.version) == (shop.account("ben"), 7, 1)


async def test_a_change_is_told_at_once_and_not_at_the_next_look(shop: Shop) -> None:
    await shop.add("ada")
    async with watching(shop, ada=0) as watch:
        await watch.next()
        began = time.monotonic()
        for version in range(1, 21):
            await shop.earn("ada", 1)
            assert [balance.version for balance in await watch.next()] == [version]
    assert time.monotonic() - began < 20 * LOOK_EVERY_S / 2


async def test_versions_only_rise_and_the_last_one_is_always_told(shop: Shop) -> None:
    await shop.add("ada")
    async with watching(shop, ada=0) as watch:
        await watch.next()
        for batch in range(5):
            earn = shop.transaction(EARN, shop.posting("issuance.points", "ada", 1))
            items = [pb.PostTransactionItem(transaction=earn, request_id=f"r{batch}-{n}") for n in range(40)]
            await shop.ledger.BatchPostTransactions(pb.BatchPostTransactionsRequest(parent=shop.name, items=items))
        told = await watch.until(200)
    versions = [balance.version for balance in told]
    assert versions == sorted(set(versions))
    assert all(balance.posted == balance.version for balance in told)
    assert versions[-1] == 200


async def test_a_watcher_that_comes_back_is_told_nothing_older_than_it_has_seen(shop: Shop) -> None:
    await shop.add("ada")
    for _ in range(3):
        await shop.earn("ada", 1)
    async with watching(shop, ada=3) as watch:
        assert [balance.version for balance in await watch.next()] == [3]
    async with watching(shop, ada=4) as watch, refused(PRECONDITION, "VERSION_NOT_REACHED", version=3, min_version=4):
        await watch.next()


async def test_a_watcher_sees_holds_as_they_are_placed_and_released(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10)
    async with watching(shop, ada=1) as watch:
        await watch.next()
        hold = await shop.hold("ada", 4, datetime.now(UTC) + timedelta(days=1))
        [held] = await watch.next()
        assert (held.held, held.available) == (4, 6)
        await shop.release(hold.name)
        [released] = await watch.next()
        assert (released.held, released.available) == (0, 10)


async def test_a_watcher_sees_an_account_frozen_opened_again_and_closed(shop: Shop) -> None:
    await shop.add("ada")
    async with watching(shop, ada=0) as watch:
        await watch.next()
        for change, state in ((shop.freeze, FROZEN), (shop.unfreeze, OPEN), (shop.close, CLOSED)):
            changed = await change("ada")
            [balance] = await watch.next()
            assert (balance, balance.state) == (changed.balance, state)


async def test_what_a_frozen_account_is_owed_is_told_to_its_watchers(shop: Shop) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10)
    hold = await shop.hold("ada", 4, datetime.now(UTC) + timedelta(days=1))
    await shop.freeze("ada")
    async with watching(shop, ada=3) as watch:
        assert [(balance.state, balance.held) for balance in await watch.next()] == [(FROZEN, 4)]
        await shop.earn("ada", 1)
        assert [(balance.state, balance.posted) for balance in await watch.next()] == [(FROZEN, 11)]
        await shop.capture(hold.name)
        assert [(balance.state, balance.posted, balance.held) for balance in await watch.next()] == [(FROZEN, 7, 0)]


async def test_a_watch_ends_at_its_deadline(shop: Shop) -> None:
    await shop.add("ada")
    async with watching(shop, timeout_s=1.0, ada=0) as watch:
        await watch.next()
        with pytest.raises(GuerdonError) as ended:
            await watch.next()
    assert ended.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_what_cannot_be_watched_is_refused(shop: Shop, world: World) -> None:
    await shop.add("ada")
    other = await world.shop()
    await other.add("eve")

    async def watch(*names: str, min_version: int = 0) -> None:
        watched = [pb.WatchedAccount(name=name, min_version=min_version) for name in names]
        await anext(aiter(shop.ledger.WatchBalances(pb.WatchBalancesRequest(parent=shop.name, accounts=watched))))

    ada = shop.account("ada")
    for names in ((), (ada, ada), tuple(shop.account(f"m{n}") for n in range(1001))):
        async with refused(INVALID, "INVALID_FIELD", violated=["accounts"]):
            await watch(*names)
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[1].name"]):
        await watch(ada, shop.account("issuance.points"))
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[0].min_version"]):
        await watch(ada, min_version=-1)
    async with refused(INVALID, "INVALID_FIELD", violated=["accounts[1]"]):
        await watch(ada, other.account("eve"))
    async with refused(NOT_FOUND, "NOT_FOUND", resource=shop.account("nobody")):
        await watch(ada, shop.account("nobody"))


async def test_no_more_is_watched_than_a_worker_can_look_at(shop: Shop) -> None:
    ids = [f"m{n}" for n in range(1000)]
    await shop.add_many(ids)
    everything = dict.fromkeys(ids, 0)

    async def fits() -> bool:
        """Whether one watch more is taken; it is left again."""
        async with watching(shop, **everything) as watch:
            try:
                return len(await watch.next()) == 1000
            except UnavailableError:
                return False

    async with AsyncExitStack() as many:
        for _ in range(10):
            watch = await many.enter_async_context(watching(shop, **everything))
            assert len(await watch.next()) == 1000
        async with watching(shop, m0=0) as watch, refused(grpc.StatusCode.UNAVAILABLE, "OVERLOADED"):
            await watch.next()
    await wait_until(fits, PATIENCE_S)
