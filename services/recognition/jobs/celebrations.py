"""Celebrating the days of people as they come."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.errors import Unavailable
from recognition.operations.celebrating import Celebrations

_log = structlog.get_logger(__name__)


async def celebrate(celebrations: Celebrations, poll: timedelta) -> None:
    """A job: celebrates what is due, at each `poll`. Any number of workers may run it.

    It looks instead of sleeping until midnight: that also finds what an outage left over, who was added during the day,
    and a clock that was moved.
    """
    while True:
        try:
            while await celebrations.celebrate_due():
                pass
        except Unavailable as error:
            _log.warning("celebrating_waits", error=str(error))
        await asyncio.sleep(poll.total_seconds())
