"""What takes partners through a coalition. Each move is told; what the partner may do follows within five seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.errors import PartnerNotCleared
from partner_exchange.domain.lifecycle import Move, PartnerState, moved
from partner_exchange.domain.partner_events import PREFIX
from partner_exchange.domain.partners import Partner
from partner_exchange.operations.asking import Asking
from partner_exchange.store import clearance, limits, partners, usage

NOTICE_DAYS = 30
NOTICE_DAYS_MAX = 365
_ACCEPTED_BY = timedelta(minutes=1)
"""An exchange that was accepted in the notice's last moment is kept by then: no call lasts longer."""


@dataclass(frozen=True)
class Lifecycle:
    """Partners on their way, as the operator moves them. Each move answers whether it was sent before.

    All raise NotFound where there is no such partner, and WrongPartnerState where the move does not begin in its state.
    """

    database: Database
    clock: Clock

    async def move(self, asking: Asking, partner_id: str, move: Move) -> tuple[Partner, bool]:
        """Starts the sandbox, launches, suspends or resumes."""
        return await self._move(asking, partner_id, move)

    async def begin_leave(self, asking: Asking, partner_id: str, notice_days: int) -> tuple[Partner, bool]:
        """Takes a partner's notice of so many days, 0 for the usual 30.

        Raises:
            InvalidField: the notice is out of its bounds.
        """
        if not 0 <= notice_days <= NOTICE_DAYS_MAX:
            raise InvalidField.of("notice_days", f"must be 0 to {NOTICE_DAYS_MAX}")
        return await self._move(asking, partner_id, Move.BEGIN_LEAVE, timedelta(days=notice_days or NOTICE_DAYS))

    async def complete_leave(self, asking: Asking, partner_id: str) -> tuple[Partner, bool]:
        """Lets a partner go with which nothing is open any more.

        Raises:
            NoticeNotOver: its members have time left.
            PartnerNotCleared: something is open.
        """
        return await self._move(asking, partner_id, Move.COMPLETE_LEAVE)

    async def _move(
        self, asking: Asking, partner_id: str, move: Move, notice: timedelta | None = None
    ) -> tuple[Partner, bool]:
        async def change(connection: Connection) -> bytes:
            partner = await partners.lock(connection, partner_id)
            now = self.clock.now()
            at = now - _ACCEPTED_BY if move is Move.COMPLETE_LEAVE else now
            standing = moved(partner.standing, move, at, None if notice is None else now + notice)
            if standing != partner.standing:
                if standing.state is PartnerState.LEFT:
                    await _check_cleared(connection, partner)
                await partners.stand(connection, partner_id, standing)
                data = {} if standing.leave_time is None else {"leave_time": standing.leave_time.isoformat()}
                event = Event(PREFIX + move.value, partner.name, partner.name, now, data)
                await publish(connection, event)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, change)
        async with self.database.acquire() as connection:
            return await partners.get(connection, partner_id), replayed


async def _check_cleared(connection: Connection, partner: Partner) -> None:
    """Whether nothing of a partner is open."""
    partner_id = partner.profile.partner_id
    numbers = await clearance.what_is_open(connection, partner)
    owed = await usage.exposure(connection, partner_id)
    version, _ = await limits.in_force(connection, partner_id)
    collateral = version.limits.collateral or 0
    if any(numbers.values()) or owed or collateral:
        raise PartnerNotCleared(partner=partner.name, owed=str(owed), collateral=collateral, **numbers)
