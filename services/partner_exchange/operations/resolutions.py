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
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.exchanges import Exchanges, View
from partner_exchange.operations.stepping import Stepping
from partner_exchange.store import exchanges, resolutions


@dataclass(frozen=True)
class Resolutions:
    """Exchanges before the operator."""

    stepping: Stepping
    exchanges: Exchanges

    async def unanswered(self, coalition_id: str, after: tuple[datetime, str], most: int) -> Sequence[View]:
        """The exchanges of a coalition that are before the operator, oldest first, from after the given time and id;
        each as its sender sees it.
        """
        async with self.exchanges.database.acquire() as connection:
            found = await exchanges.before_operator(connection, coalition_id, after, most)
        return [view for one in found for view in await self.exchanges.views(one.sender, [one])]

    async def propose(
        self, asking: Asking, person: Person, place: tuple[str, str], outcome: Outcome, reason: str
    ) -> tuple[Resolution, bool]:
        """Keeps what is proposed for the exchange at `place`, its sender and id; answers it, and whether the request
        was sent before.

        Raises:
            NotFound: there is no such exchange.
            NotBeforeOperator, InvalidField: it cannot be resolved, or not so.
        """
        sender, exchange_id = place

        async def insert(connection: Connection) -> bytes:
            exchange = await self._lock(connection, sender, exchange_id)
            check_proposal(exchange, outcome)
            now = self.stepping.ends.clock.now()
            proposed = Resolution(0, exchange_id, sender, exchange.state, outcome, check_reason(reason), person, now)
            return str(await resolutions.insert(connection, proposed)).encode()

        number, replayed = await requests.once(self.exchanges.database, asking.fingerprint, insert)
        return await self._get(sender, exchange_id, int(number)), replayed

    async def approve(
        self, asking: Asking, person: Person, sender: str, exchange_id: str, number: int
    ) -> tuple[Resolution, bool]:
        """Takes the exchange on by what another person proposed; answers it, and whether the request was sent before.

        Raises:
            NotFound: there is no such resolution.
            ResolutionOutdated, ResolutionProposedByYou: it cannot be approved, or not by this person.
        """

        async def decide(connection: Connection) -> bytes:
            exchange = await self._lock(connection, sender, exchange_id)
            resolution, newest = await resolutions.get(connection, sender, exchange_id, number)
            check_approval(resolution, exchange, newest, person)
            now = self.stepping.ends.clock.now()
            await resolutions.approve(connection, replace(resolution, approver=person, approve_time=now))
            await self.stepping.answer_for(connection, exchange, resolution.answer)
            return b""

        _, replayed = await requests.once(self.exchanges.database, asking.fingerprint, decide)
        return await self._get(sender, exchange_id, number), replayed

    async def _get(self, sender: str, exchange_id: str, number: int) -> Resolution:
        async with self.exchanges.database.acquire() as connection:
            resolution, _ = await resolutions.get(connection, sender, exchange_id, number)
        return resolution

    async def _lock(self, connection: Connection, sender: str, exchange_id: str) -> Exchange:
        exchange = await exchanges.lock(connection, exchange_id)
        if exchange.sender != sender:
            raise NotFound(f"partners/{sender}/exchanges/{exchange_id}")
        return exchange
