"""Freezing and closing against everything else at once, on two workers. After each test everything is verified."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from guerdon_kit.testing import wait_until
from tests.contract.ledger.world import (
    CLOSED,
    FROZEN,
    OPEN,
    PRECONDITION,
    RECOGNITION,
    SPEND,
    Shop,
    refused,
    time_of,
)
from tests.integration.ledger.connections import Connection, MovableTime, outcomes, through


async def test_spends_against_a_freeze_are_all_before_it_or_refused(shop: Shop, connections: list[Connection]) -> None:
    await shop.add("ada")
    await shop.earn("ada", 5000)
    ways = through(shop, connections)
    first = [asyncio.create_task(next(ways).spend("ada", 10)) for _ in range(60)]
    await first[0]
    freeze = asyncio.create_task(next(ways).freeze("ada"))
    more = [asyncio.create_task(next(ways).spend("ada", 10)) for _ in range(60)]
    frozen = await freeze
    late, late_refusals = await outcomes(next(ways).spend("ada", 10) for _ in range(20))
    done, refusals = await outcomes([*first, *more])
    assert (late, len(late_refusals)) == ([], 20)
    assert {refusal.reason for refusal in refusals + late_refusals} == {"ACCOUNT_FROZEN"}
    assert len(done) + len(refusals) == 120
    balance = await shop.balance("ada")
    assert (balance.posted, balance.state, balance.version) == (5000 - 10 * len(done), FROZEN, 2 + len(done))
    lines = [line for line in await shop.entries("ada") if line.kind == SPEND]
    assert len(lines) == len(done)
    assert all(line.version < frozen.balance.version for line in lines)
    assert all(time_of(line.record_time) < time_of(frozen.record_time) for line in lines)


async def test_of_many_freezes_and_unfreezes_each_that_succeeds_follows_one_of_the_other(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add("ada")
    ways = through(shop, connections)
    calls: list[Any] = [next(ways).freeze("ada") if n % 2 else next(ways).unfreeze("ada") for n in range(80)]
    done, refusals = await outcomes(calls)
    counts = Counter(refusal.reason for refusal in refusals)
    assert set(counts) <= {"ACCOUNT_FROZEN", "ACCOUNT_NOT_FROZEN"}
    balance = await shop.balance("ada")
    assert balance.version == len(done)
    states = [answer.balance.state for answer in sorted(done, key=lambda answer: answer.balance.version)]
    assert states == [OPEN if n % 2 else FROZEN for n in range(len(done))]


async def test_an_account_that_is_closed_under_load_has_nothing_and_nothing_comes_after(
    shop: Shop, connections: list[Connection]
) -> None:
    await shop.add_many(["ada", "ben"])
    await shop.earn("ben", 1000)
    ways = through(shop, connections)

    async def give_and_take(n: int) -> None:
        shop = next(ways)
        await shop.post(RECOGNITION, shop.posting("ben", "ada", 1 + n))
        await shop.spend("ada", 1 + n)

    async def close() -> int:
        """Closes as soon as the account is empty; answers the version."""

        async def once() -> int:
            done, [*refusal] = await outcomes([next(ways).close("ada")])
            assert all(one.reason == "ACCOUNT_NOT_EMPTY" for one in refusal)
            return done[0].balance.version if done else 0

        return await wait_until(once)

    version, (_, refusals) = await asyncio.gather(close(), outcomes(give_and_take(n) for n in range(40)))
    assert {refusal.reason for refusal in refusals} <= {"ACCOUNT_CLOSED", "INSUFFICIENT_POINTS"}
    balance = await shop.balance("ada")
    assert (balance.posted, balance.state, balance.version) == (0, CLOSED, version)
    assert all(line.version < version for line in await shop.entries("ada"))


@pytest.mark.parametrize("swept_by", ["the sweeper", "a capture"])
async def test_the_clock_goes_on_for_a_frozen_account(shop: Shop, time: MovableTime, swept_by: str) -> None:
    await shop.add("ada")
    await shop.earn("ada", 10, expire_time=time.ahead(hours=1))
    await shop.earn("ada", 20)
    lapsing = await shop.hold("ada", 3, time.ahead(minutes=30))
    promised = await shop.hold("ada", 12, time.ahead(days=3))  # seven of these expire while they are held
    pending = await shop.earn("ada", 5, available_time=time.ahead(hours=2))
    await shop.freeze("ada")
    time.pass_(hours=3)

    async def swept() -> bool:
        found = await shop.balance("ada")
        return (found.posted, found.held, found.pending, found.available) == (32, 12, 0, 20)

    if swept_by == "the sweeper":
        await wait_until(swept)
    captured = await shop.capture(promised.name)
    assert (captured.balance.posted, captured.balance.available, captured.balance.state) == (20, 20, FROZEN)
    async with refused(PRECONDITION, "HOLD_EXPIRED", hold=lapsing.name):
        await shop.release(lapsing.name)
    async with refused(PRECONDITION, "ACCOUNT_FROZEN"):
        await shop.spend("ada", 1)
    assert (await shop.reverse(pending)).reversed_amount == 5
