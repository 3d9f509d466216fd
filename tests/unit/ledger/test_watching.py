"""A watcher that is slower than the changes is told the latest of each account, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from guerdon_kit.errors import Unavailable
from ledger.domain.model import Balance
from ledger.operations.watching import Watcher
from tests.unit.ledger.builders import ADA, BEN, NOW


async def test_of_many_changes_that_were_not_taken_the_latest_is_told() -> None:
    watcher = Watcher([ADA, BEN])
    latest: dict[int, Balance] = {}
    for version in range(1, 1001):
        latest[ADA.id] = Balance(ADA, posted=version, version=version)
        watcher.wake(ADA.id)
    latest[BEN.id] = Balance(BEN, posted=5, version=1)
    watcher.wake(BEN.id)
    assert await watcher.next(latest) == [latest[ADA.id], latest[BEN.id]]
    watcher.wake(ADA.id)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watcher.next(latest), 0.01)


async def test_the_same_version_is_told_again_when_the_clock_has_changed_it_and_never_an_older_one() -> None:
    watcher = Watcher([ADA])
    told: list[Balance] = []
    for version, until in ((2, 1), (2, 1), (2, 2), (1, 9), (3, 1)):
        balance = Balance(ADA, 0, version=version, valid_until=NOW + timedelta(hours=until))
        watcher.wake(ADA.id)
        try:
            told += await asyncio.wait_for(watcher.next({ADA.id: balance}), 0.01)
        except TimeoutError:
            continue
    assert [(one.version, (one.valid_until - NOW) // timedelta(hours=1)) for one in told] == [(2, 1), (2, 2), (3, 1)]


async def test_a_watcher_that_was_ended_is_told_why_and_nothing_more() -> None:
    watcher = Watcher([ADA])
    watcher.wake(ADA.id)
    watcher.end(Unavailable())
    with pytest.raises(Unavailable):
        await watcher.next({ADA.id: Balance(ADA, 1, version=1)})
