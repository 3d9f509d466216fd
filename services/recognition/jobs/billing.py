"""Making the statements of a month final once it is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from guerdon_kit.errors import Unavailable
from recognition.operations.billing import Billing

_log = structlog.get_logger(__name__)


async def close_statements(billing: Billing, poll: timedelta) -> None:
    """A job: looks at each `poll` for months that are over for good. Any number of workers may run it."""
    while True:
        try:
            await billing.close_due()
        except Unavailable as error:
            _log.warning("billing_waits", error=str(error))
        await asyncio.sleep(poll.total_seconds())
