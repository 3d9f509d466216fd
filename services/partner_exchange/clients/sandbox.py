"""The sandbox partner's side of an exchange."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from guerdon_kit.grpc import OutcomeUnknown
from partner_exchange.clients.partner_ledgers import PartnerLedgers
from partner_exchange.domain.exchanges import Exchange
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.sandbox import TIMES_OUT, behaviour
from partner_exchange.domain.steps import Answer, Done, Source

_NEVER_EXPIRE = Source((), complete=True)


@dataclass(frozen=True, slots=True)
class SandboxSide:
    """A ledger that this service plays: see `partner_exchange.domain.sandbox`. Commit and cancel always succeed. The
    silent ones take their turns as any partner's calls: trying things out holds up no call of others.
    """

    ledgers: PartnerLedgers
    partner: Partner

    async def source(self, exchange: Exchange, until: float) -> Source | None:
        """A remote side tells it with the reservation."""
        return None

    async def validate(self, exchange: Exchange, until: float) -> Answer:
        """Every member can receive."""
        return Done()

    async def reserve(self, exchange: Exchange, until: float) -> Answer:
        """As the debited amount says."""
        return await self._answer(
            exchange, exchange.debited, Done(f"SANDBOX-{exchange.exchange_id}", _NEVER_EXPIRE), until
        )

    async def credit(self, exchange: Exchange, until: float) -> Answer:
        """As the received amount says."""
        return await self._answer(exchange, exchange.received, Done(f"SANDBOX-{exchange.exchange_id}"), until)

    async def commit(self, exchange: Exchange, until: float) -> Answer:
        """Done."""
        return Done()

    async def cancel(self, exchange: Exchange, until: float) -> Answer:
        """Done."""
        return Done()

    async def _answer(self, exchange: Exchange, points: int, done: Done, until: float) -> Answer:
        answer = behaviour(points).answer(exchange.unanswered)
        if answer is True:
            return done
        if answer is False:
            if points % 100 == TIMES_OUT:
                async with self.ledgers.turn(self.partner, until):
                    await asyncio.sleep(max(0.0, min(self.ledgers.timeout_s, until - time.monotonic())))
            raise OutcomeUnknown
        return answer
