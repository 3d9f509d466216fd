"""Deciding about awards whose approvers let their time pass."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.errors import Unavailable
from recognition.operations.awarding import Awarding

_log = structlog.get_logger(__name__)


async def decide_overdue(awarding: Awarding, poll: timedelta) -> None:
    """A job: does what the policy of each overdue level says, at each `poll`. Any number of workers may run it: each
    takes another award. A level that begins by that has its own time, so that a late run hurries nobody.
    """
    while True:
        try:
            while await awarding.decide_overdue():
                pass
        except Unavailable as error:
            _log.warning("approvals_wait", error=str(error))
        await asyncio.sleep(poll.total_seconds())
