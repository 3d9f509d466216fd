"""The two sides of an exchange with a remote partner, whoever keeps their points: what either can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.exchanges import Exchange, Posted, Refusal
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.steps import Answer, Done, Source


class Side(Protocol):
    """One partner's ledger. Every step is known by the exchange's id: asked again, it is done once and answered alike.
    `until` is of `time.monotonic()`.

    Each raises OutcomeUnknown where there is no answer: ask again.
    """

    async def source(self, exchange: Exchange, until: float) -> Source | None:
        """When the points expire that are sent and what is locked, where that is known before they are reserved."""

    async def validate(self, exchange: Exchange, until: float) -> Answer:
        """Whether the receiving member can receive."""

    async def reserve(self, exchange: Exchange, until: float) -> Answer:
        """Sets the sent points aside."""

    async def credit(self, exchange: Exchange, until: float) -> Answer:
        """Gives the receiving member its points."""

    async def commit(self, exchange: Exchange, until: float) -> Answer:
        """Takes what was reserved, for good."""

    async def cancel(self, exchange: Exchange, until: float) -> Answer:
        """Gives back what was reserved, and keeps from being reserved what was not."""


@dataclass(frozen=True, slots=True)
class HostedSide:
    """A partner whose points live in this platform's ledger.

    What is reserved is moved out of the member's account, and moved back by a reversal, into the lots it came from. A
    hold would lapse after ninety days at most, and could only be captured as a spend. See docs/adr/0044.
    """

    ledger: Ledger
    partner: Partner

    async def source(self, exchange: Exchange, until: float) -> Source | None:
        """What the member's points are now: asked again after the debit, it would be too late."""
        return await self.ledger.source(self.partner, exchange.source_account_id, exchange.actor, until)

    async def validate(self, exchange: Exchange, until: float) -> Answer:
        """The ledger says so when it is to credit, and nothing has to be waited for until then."""
        return Done()

    async def reserve(self, exchange: Exchange, until: float) -> Answer:
        """Debits the member. Raises LookAgain where what is locked has to be found again."""
        return _answer(await self.ledger.debit(exchange, self.partner, until))

    async def credit(self, exchange: Exchange, until: float) -> Answer:
        """Credits the member."""
        return _answer(await self.ledger.credit(exchange, self.partner, until))

    async def commit(self, exchange: Exchange, until: float) -> Answer:
        """The debit stands."""
        return Done(exchange.reservation)

    async def cancel(self, exchange: Exchange, until: float) -> Answer:
        """Undoes the debit. It is never given up before the debit was answered."""
        return _answer(await self.ledger.undo_debit(exchange, self.partner, until))


def _answer(answer: Posted | Refusal) -> Answer:
    return answer if isinstance(answer, Refusal) else Done(answer.transaction)
