"""The ledger is asked for several at once; each of them has its own time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.grpc.locked import LockedPoints
from partner_exchange.clients import ledger
from partner_exchange.domain.exchanges import State
from tests.unit.partner_exchange.test_steps import HERE, exchange


class Silent:
    """A connection on which no answer ever comes."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def call(self, *_: object, **__: object) -> Any:
        self.asked.set()
        await asyncio.Event().wait()


async def test_who_has_less_time_than_others_hears_in_it_that_the_outcome_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "_MARGIN_S", 5.0)
    connection = Silent()
    asking = ledger.Ledger(connection, LockedPoints(None))  # type: ignore[arg-type]  # all that is used of it
    patient = asyncio.ensure_future(asking.debit(exchange(State.RESERVING), HERE, time.monotonic() + 600))
    await connection.asked.wait()
    until = time.monotonic() + 5.05
    with pytest.raises(OutcomeUnknown):
        await asking.debit(exchange(State.RESERVING, exchange_id="qt-2"), HERE, until)
    assert (time.monotonic() < until, patient.done()) == (True, False)
    patient.cancel()
