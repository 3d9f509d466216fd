"""A clock that moves, and what is asked of services that were away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import UnavailableError
from guerdon_kit.clock import set_offset
from tests.contract.membership.world import Shop

PAST_THE_LEASE = timedelta(minutes=5)


@dataclass
class Moving:
    """The clock of the services here. It only goes forward: what is recorded stays in the past."""

    file: Path
    offset: timedelta = timedelta()

    def forward(self, by: timedelta) -> None:
        """Moves the clock of both services."""
        self.offset += by
        set_offset(self.file, self.offset)

    def forward_to(self, moment: datetime) -> None:
        """Moves the clock of both services to a moment that is to come."""
        self.forward(moment - self.now())

    def now(self) -> datetime:
        """The services' now, roughly."""
        return datetime.now(UTC) + self.offset

    def yesterday(self) -> Timestamp:
        """A day before the services' now."""
        return Timestamp(seconds=int(time.time() + (self.offset - timedelta(days=1)).total_seconds()))


async def settled(shop: Shop) -> bool:
    return (await shop.totals()).pending_purchase_count == 0


async def require_exact(shop: Shop, members: set[str]) -> None:
    """The ledger holds exactly what membership awarded, welcome bonuses included, and nobody is left out."""
    totals = await shop.totals()
    balances = await asyncio.gather(*(shop.balance(member) for member in sorted(members)))
    awarded = totals.base_points + totals.tier_points + totals.welcome_points - totals.returned_points
    assert totals.member_count == len(members)
    assert sum(balance.posted for balance in balances) == awarded


async def asked_again(*calls: Awaitable[object]) -> bool:
    """Whether all are answered; not while a service is not back yet."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    return not any(isinstance(one, UnavailableError) for one in outcomes)
