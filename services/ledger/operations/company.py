"""Waiting for company, so that what costs nearly as much for one as for twenty is done for twenty.

There is no waiting timer: with nothing else to do the turns of the loop that are waited are over at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

QUIET_TURNS = 8
"""The turns of the loop without a newcomer after which nobody is waited for: grpc hands over a call in several."""
TURNS_MAX = 100
"""The most turns that are waited."""


async def until_nobody_comes(there: Callable[[], int], enough: int) -> None:
    """Returns when `enough` are `there`, or nobody more has come for a few turns of the loop."""
    quiet, before = 0, there()
    for _ in range(TURNS_MAX):
        if before >= enough or quiet == QUIET_TURNS:
            return
        await asyncio.sleep(0)
        now = there()
        quiet = 0 if now > before else quiet + 1
        before = now
