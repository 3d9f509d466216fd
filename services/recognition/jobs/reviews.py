"""Rejecting what is held and nobody decides about in time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.errors import Unavailable
from recognition.operations.reviewing import Reviewing

_log = structlog.get_logger(__name__)


async def reject_overdue(reviewing: Reviewing, poll: timedelta) -> None:
    """A job: rejects what is overdue, at each `poll`. Any number of workers may run it: each takes other reviews."""
    while True:
        try:
            while await reviewing.reject_overdue():
                pass
        except Unavailable as error:
            _log.warning("reviews_wait", error=str(error))
        await asyncio.sleep(poll.total_seconds())
