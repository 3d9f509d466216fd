"""Paying what waits for a budget, and what a crash or a silent ledger left behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.errors import Unavailable
from recognition.operations.paying import BATCH, Paying

_log = structlog.get_logger(__name__)


async def pay(paying: Paying, poll: timedelta) -> None:
    """A job: pays what is due, at each `poll`. Any number of workers may run it."""
    while True:
        paid = 0
        try:
            paid = await paying.pay_due()
        except Unavailable as error:
            _log.warning("paying_waits", error=str(error))
        if paid < BATCH:
            await asyncio.sleep(poll.total_seconds())
