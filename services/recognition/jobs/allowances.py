"""Granting the allowances of each period as it begins, and those of people who join within it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.errors import Unavailable
from recognition.operations.granting import Granting

_log = structlog.get_logger(__name__)


async def grant_allowances(granting: Granting, poll: timedelta) -> None:
    """A job: plans what is to be granted and posts what is due, at each `poll`. Any number of workers may run it.

    It looks instead of sleeping until the next period begins: that also finds who joined, what a crash left behind,
    and a clock that was moved.
    """
    while True:
        try:
            await granting.plan_due()
            while await granting.post_due():
                pass
        except Unavailable as error:
            _log.warning("granting_waits", error=str(error))
        await asyncio.sleep(poll.total_seconds())
