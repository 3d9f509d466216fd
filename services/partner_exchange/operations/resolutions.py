"""What two people of the operator say in a remote partner's stead. See docs/adr/0044."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection, requests
from partner_exchange.domain.book import Person
from partner_exchange.domain.exchanges import Exchange
from partner_exchange.domain.limits import check_reason
from partner_exchange.domain.resolutions import Outcome, Resolution, check_approval, check_proposal
from partner_exchange.domain.reversals import other_way
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.exchanges import Exchanges, View
from partner_exchange.operations.stepping import Stepping
from partner_exchange.store import exchanges, partners, resolutions, reversals, windows


@dataclass(frozen=True, slots=True)
class Subject:
    """What is resolved: an exchange, by its sender, or a reversal of it."""

    sender: str
    exchange_id: str
    reversal_id: str = ""

    @property
    def name(self) -> str:
        """Its resource name."""
        exchange = f"partners/{self.sender}/exchanges/{self.exchange_id}"
        return f"{exchange}/reversals/{self.reversal_id}" if self.reversal_id else exchange


@dataclass(frozen=True)
class Resolutions:
    """Exchanges and reversals before the operator."""

    stepping: Stepping
    reversing: Stepping
    """The steps of reversals."""
    exchanges: Exchanges

    async def unanswered(self, coalition_id: str, after: tuple[datetime, str], most: int) -> Sequence[View]:
        """The exchanges of a coalition that are before the operator, oldest first, from after the given time and id;
        each as its sender sees it.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.exchanges.database.acquire() as connection:
            await partners.coalition(connection, coalition_id)
            found = await exchanges.before_operator(connection, coalition_id, after, most)
        return [view for one in found for view in await self.exchanges.views(one.sender, [one])]

    async def propose(
        self, asking: Asking, person: Person, subject: Subject, outcome: Outcome, reason: str
    ) -> tuple[Resolution, bool]:
        """Keeps what is proposed; answers it, and whether the request was sent before.

        Raises:
            NotFound: there is no such exchange or reversal.
            NotBeforeOperator, InvalidField: it cannot be resolved, or not so.
        """

        async def insert(connection: Connection) -> bytes:
            found = await self._lock(connection, subject)
            check_proposal(found, outcome)
            proposed = Resolution(
                number=0,
                exchange_id=subject.exchange_id,
                sender=subject.sender,
                state=found.state,
                outcome=outcome,
                reason=check_reason(reason),
                proposer=person,
                propose_time=self.stepping.ends.clock.now(),
                reversal_id=subject.reversal_id,
            )
            return str(await resolutions.insert(connection, proposed)).encode()

        number, replayed = await requests.once(self.exchanges.database, asking.fingerprint, insert)
        return await self._get(subject.sender, subject.exchange_id, int(number)), replayed

    async def approve(
        self, asking: Asking, person: Person, sender: str, exchange_id: str, number: int
    ) -> tuple[Resolution, bool]:
        """Takes what was resolved on by what another person proposed; answers the resolution, and whether the request
        was sent before.

        Raises:
            NotFound: there is no such resolution.
            ResolutionOutdated, ResolutionProposedByYou: it cannot be approved, or not by this person.
        """

        async def decide(connection: Connection) -> bytes:
            kept, _ = await resolutions.get(connection, sender, exchange_id, number)
            found = await self._lock(connection, Subject(sender, exchange_id, kept.reversal_id))
            resolution, newest = await resolutions.get(connection, sender, exchange_id, number)
            check_approval(resolution, found, newest, person)
            now = self.stepping.ends.clock.now()
            await resolutions.approve(connection, replace(resolution, approver=person, approve_time=now))
            steps = self.reversing if resolution.reversal_id else self.stepping
            await steps.answer_for(connection, found, resolution.answer)
            return b""

        _, replayed = await requests.once(self.exchanges.database, asking.fingerprint, decide)
        return await self._get(sender, exchange_id, number), replayed

    async def _get(self, sender: str, exchange_id: str, number: int) -> Resolution:
        async with self.exchanges.database.acquire() as connection:
            resolution, _ = await resolutions.get(connection, sender, exchange_id, number)
        return resolution

    async def _lock(self, connection: Connection, subject: Subject) -> Exchange:
        """What is resolved, which nobody else moves; a reversal as the exchange the other way that it is."""
        try:
            exchange = await exchanges.get(connection, subject.exchange_id)
            await windows.keep_open(connection, exchange.coalition_id)
            exchange = await exchanges.lock(connection, subject.exchange_id)
            if not subject.reversal_id:
                found = exchange
            else:
                found = other_way(await reversals.lock(connection, subject.reversal_id), exchange)
        except NotFound:
            raise NotFound(subject.name) from None
        if found.name != subject.name:
            raise NotFound(subject.name)
        return found
