"""What partners ask of exchanges: execute a quote, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Database
from partner_exchange.domain.errors import ExchangeInProgress
from partner_exchange.domain.exchanges import Exchange, Position, State, refused_with
from partner_exchange.domain.partners import Coalition
from partner_exchange.operations.accepting import Accepting
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.progress import Progress
from partner_exchange.operations.standings import Standing, Standings
from partner_exchange.store import exchanges, partners, windows


@dataclass(frozen=True, slots=True)
class View:
    """An exchange as one of its two partners may see it."""

    standing: Standing
    reader: str
    """The partner that reads it."""
    settled: bool = False
    """Whether its settlement window is, where that was asked for."""


@dataclass(frozen=True)
class Exchanges:
    """Exchanges, as partners see them."""

    database: Database
    accepting: Accepting
    standings: Standings
    progress: Progress

    async def execute(self, asking: Asking, sender: str, quote_id: str, authorization: str) -> tuple[View, bool]:
        """Does what the quote says, once; answers the exchange, and whether the request was sent before.

        `authorization` is the sending brand's reference of what its member agreed to, where the coalition asks for one.

        Raises:
            NotFound: the partner has no such quote.
            QuoteUsed, QuoteExpired, RateBookWithdrawn: it cannot be used, by this request for ever.
            PartnerSuspended, PartnerNotLive, SandboxOnly, PartnerLeaving: not in the partners' states.
            AuthorizationRequired, AuthorizationUsed, NotLinked, LinkCoolingOff: not between these accounts, or not so.
            CorridorPaused, BonusCapReached, DailyLimit, MonthlyLimit, VelocityLimit, NetDebitCap: not now.
            InsufficientPoints, PointsLocked, ExchangeAborted: the ledger refused; for this request for ever.
            ExchangeInProgress: send the same request again, or read the exchange.
        """
        accepted = await self.accepting.accept(asking, sender, quote_id, authorization)
        if accepted is not None:
            self.progress.reached(accepted.exchange.state.value)
        try:
            standing = accepted or await self.standings.get(quote_id)
            exchange = await self.progress.drive_from(standing, asking.until, fresh=accepted is not None)
        except (OutcomeUnknown, Unavailable) as error:
            raise ExchangeInProgress(exchange=f"partners/{sender}/exchanges/{quote_id}") from error
        if exchange.state is State.ABORTED:
            raise refused_with(exchange)
        return View(replace(standing, exchange=exchange), sender), accepted is None

    async def get(self, reader: str, exchange_id: str) -> View:
        """An exchange that the partner sent or received.

        Raises:
            NotFound: there is none.
        """
        name = f"partners/{reader}/exchanges/{exchange_id}"
        try:
            standing = await self.standings.get(exchange_id)
        except NotFound:
            raise NotFound(name) from None
        if reader not in {standing.exchange.sender, standing.exchange.receiver}:
            raise NotFound(name)
        [view] = await self._settled(reader, [standing])
        return view

    async def newest(self, reader: str, before: tuple[datetime, str], most: int) -> Sequence[View]:
        """What a partner sent or received, newest first, from before the given time and id."""
        async with self.database.acquire() as connection:
            found = await exchanges.newest(connection, reader, before, most)
        return await self._settled(reader, await self.standings.of(found))

    async def positions(
        self, coalition_id: str, window: int | None, after: tuple[str, str], most: int
    ) -> tuple[Coalition, Sequence[Position]]:
        """What the brands of a coalition sent each other in a window, by default the open one, by sender and receiver,
        from after the given pair.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            coalition = await partners.coalition(connection, coalition_id)
            number = window or await windows.open_number(connection, coalition_id)
            return coalition, await exchanges.positions(connection, coalition_id, number, after, most)

    async def views(self, reader: str, found: Sequence[Exchange]) -> Sequence[View]:
        """Exchanges as the reader sees them, of which nobody asks whether they are settled."""
        return [View(standing, reader) for standing in await self.standings.of(found)]

    async def _settled(self, reader: str, found: Sequence[Standing]) -> Sequence[View]:
        async with self.database.acquire() as connection:
            settled = await windows.settled(connection, [standing.exchange.exchange_id for standing in found])
        return [View(standing, reader, standing.exchange.exchange_id in settled) for standing in found]
