"""Disputes: opened by one partner, answered by the other, decided by the operator. Every write answers whether it was
sent before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import publish
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.disputes import (
    Adjustment,
    Dispute,
    Resolution,
    Reverse,
    check_adjustment,
    check_answerable,
    check_decidable,
    check_withdrawable,
    check_words,
    opened,
)
from partner_exchange.domain.errors import DisputeOpen
from partner_exchange.domain.partners import check_present
from partner_exchange.operations import booking
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.dispute_events import dispute_event
from partner_exchange.operations.reversals import Reversals, Wanted
from partner_exchange.store import disputes, exchanges, partners, windows


@dataclass(frozen=True)
class Disputes:
    """Disputes of exchanges."""

    database: Database
    clock: Clock
    reversals: Reversals

    async def open(self, asking: Asking, opener: str, exchange_id: str, claim: str) -> tuple[Dispute, bool]:
        """Disputes an exchange of the partner.

        Raises:
            InvalidField: the claim is none.
            NotFound: the partner has no such exchange.
            PartnerNotLive: one side has left the coalition.
            ExchangeNotCommitted, DisputeTooLate: it cannot be disputed.
            DisputeOpen: it is disputed already.
        """
        check_words(claim, "claim")

        async def insert(connection: Connection) -> bytes:
            name = f"partners/{opener}/exchanges/{exchange_id}"
            try:
                exchange = await exchanges.get(connection, exchange_id)
            except NotFound:
                raise NotFound(name) from None
            if opener not in {exchange.sender, exchange.receiver}:
                raise NotFound(name)
            sides = await partners.hold(connection, [exchange.sender, exchange.receiver])
            check_present(*sides.values())
            new = opened(exchange, opener, claim, new_id("dp"), self.clock.now())
            if not await disputes.insert(connection, new, asking.actor):
                raise DisputeOpen(exchange=name)
            await publish(connection, dispute_event("dispute_opened", new, self.clock.now()))
            return new.dispute_id.encode()

        outcome, replayed = await requests.once(self.database, asking.fingerprint, insert)
        return await self.get(opener, outcome.decode()), replayed

    async def answer(self, asking: Asking, partner_id: str, dispute_id: str, words: str) -> tuple[Dispute, bool]:
        """Answers the other partner's dispute.

        Raises:
            InvalidField: the answer is none, or the partner opened the dispute itself.
            NotFound: the partner has no such dispute.
            DisputeStateConflict, AnswerTooLate: no answer is due, not any more.
        """
        check_words(words, "answer")

        async def unit(connection: Connection) -> bytes:
            dispute = await self._lock(connection, partner_id, dispute_id)
            now = self.clock.now()
            check_answerable(dispute, partner_id, now)
            await disputes.answer(connection, dispute_id, words, now)
            await publish(connection, dispute_event("dispute_answered", dispute, now))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, unit)
        return await self.get(partner_id, dispute_id), replayed

    async def withdraw(self, asking: Asking, partner_id: str, dispute_id: str) -> tuple[Dispute, bool]:
        """Takes one's own dispute back.

        Raises:
            InvalidField: the other partner opened it.
            NotFound: the partner has no such dispute.
            DisputeStateConflict: it is decided.
        """

        async def unit(connection: Connection) -> bytes:
            dispute = await self._lock(connection, partner_id, dispute_id)
            check_withdrawable(dispute, partner_id)
            now = self.clock.now()
            await disputes.withdraw(connection, dispute_id, now)
            await publish(connection, dispute_event("dispute_withdrawn", dispute, now))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, unit)
        return await self.get(partner_id, dispute_id), replayed

    async def resolve(
        self, asking: Asking, partner_id: str, dispute_id: str, resolution: Resolution, ruling: str
    ) -> tuple[Dispute, bool]:
        """Decides a dispute, and sees what it decides through.

        Raises:
            InvalidField: the ruling is none, or the adjustment out of bounds.
            NotFound: the partner has no such dispute.
            DisputeStateConflict, AnswerPending: it cannot be decided, not now.
            OverReversal, ReversalAborted, ReversalInProgress: as `Reversals.reverse`.
        """
        check_words(ruling, "ruling")

        async def unit(connection: Connection) -> bytes:
            found = _of(partner_id, dispute_id, await disputes.find(connection, dispute_id))
            await windows.keep_open(connection, found.coalition_id)
            dispute = await self._lock(connection, partner_id, dispute_id)
            now = self.clock.now()
            check_decidable(dispute, now)
            match resolution:
                case Reverse(points):
                    return await self._reverse(connection, asking, dispute, points, ruling)
                case Adjustment():
                    await self._adjust(connection, asking, dispute, resolution, ruling)
                case None:
                    await disputes.reject(connection, dispute_id, ruling, asking.actor, now)
            await publish(connection, dispute_event("dispute_resolved", dispute, now))
            return b""

        outcome, replayed = await requests.once(self.database, asking.fingerprint, unit)
        if outcome:
            await self.reversals.finish(outcome.decode(), partner_id, asking.until)
        return await self.get(partner_id, dispute_id), replayed

    async def get(self, partner_id: str, dispute_id: str) -> Dispute:
        """A dispute that the partner opened or answers.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return _of(partner_id, dispute_id, await disputes.find(connection, dispute_id))

    async def newest(self, partner_id: str, before: tuple[datetime, str], most: int) -> Sequence[Dispute]:
        """The disputes of a partner, newest first."""
        async with self.database.acquire() as connection:
            return await disputes.newest(connection, partner_id, before, most)

    async def waiting(self, coalition_id: str, after: tuple[datetime, str], most: int) -> Sequence[Dispute]:
        """The disputes of a coalition that are not decided, oldest first.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            await partners.coalition(connection, coalition_id)
            return await disputes.waiting(connection, coalition_id, after, most)

    async def _lock(self, connection: Connection, partner_id: str, dispute_id: str) -> Dispute:
        return _of(partner_id, dispute_id, await disputes.lock(connection, dispute_id))

    async def _reverse(
        self, connection: Connection, asking: Asking, dispute: Dispute, points: int, ruling: str
    ) -> bytes:
        exchange = await exchanges.get(connection, dispute.exchange_id)
        wanted = Wanted(dispute.exchange_id, points, f"Dispute {dispute.dispute_id}")
        reversal_id = await self.reversals.accept(connection, asking.actor, exchange.sender, wanted, disputed=True)
        await disputes.begin_resolving(connection, dispute.dispute_id, ruling, asking.actor, reversal_id)
        return reversal_id.encode()

    async def _adjust(
        self, connection: Connection, asking: Asking, dispute: Dispute, adjustment: Adjustment, ruling: str
    ) -> None:
        check_adjustment(adjustment, await exchanges.get(connection, dispute.exchange_id))
        await disputes.adjust(connection, dispute, adjustment, ruling, asking.actor, self.clock.now())
        payee = dispute.respondent if adjustment.payer == dispute.opener else dispute.opener
        await booking.adjust(connection, adjustment.payer, payee, Fraction(adjustment.minor_units))


def _of(partner_id: str, dispute_id: str, dispute: Dispute | None) -> Dispute:
    if dispute is None or partner_id not in {dispute.opener, dispute.respondent}:
        raise NotFound(f"partners/{partner_id}/disputes/{dispute_id}")
    return dispute
