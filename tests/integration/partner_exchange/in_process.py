"""What partner exchange does, in this process and with its database: left at a moment as a crash leaves it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.auth.service_tokens import ServiceTokens
from guerdon_kit.clock import Clock, SystemClock
from guerdon_kit.grpc import Remote
from guerdon_kit.grpc.locked import LockedPoints
from guerdon_kit.grpc.outward import Outward
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from partner_exchange.clients.ledger import LEDGER, Ledger
from partner_exchange.clients.partner_ledgers import PartnerLedgers
from partner_exchange.domain.exchanges import UNKNOWN_LASTS
from partner_exchange.domain.steps import Patience
from partner_exchange.operations.accepting import Accepting
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.ends import Ends
from partner_exchange.operations.markets import Markets
from partner_exchange.operations.progress import Progress
from partner_exchange.operations.reached import Reached, nowhere
from partner_exchange.operations.recent_quotes import RecentQuotes
from partner_exchange.operations.reversal_ends import ReversalEnds
from partner_exchange.operations.reversals import Reversals, Wanted
from partner_exchange.operations.sides import Sides
from partner_exchange.operations.sources import Sources
from partner_exchange.operations.standings import Standings
from partner_exchange.operations.stepping import Stepping
from partner_exchange.store import exchanges, reversals
from tests.integration.partner_exchange.conftest import Fallible

LEASE = timedelta(hours=1)
"""So long that the service that runs leaves what was left alone."""
PATIENCE = Patience(timedelta(hours=1), timedelta(days=1))


class Ahead(SystemClock):
    """A little later."""

    def now(self) -> datetime:
        return super().now() + UNKNOWN_LASTS


class Crash(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class InProcess:
    """What partner exchange does with an exchange, in this process and with its database."""

    database: Database
    sides: Sides
    ledger: Ledger

    async def run(self, quote: res.Quote, reached: Reached, clock: Clock | None = None) -> None:
        """Accepts the quote, at a moment of the clock's, and takes the exchange to its end or to the crash."""
        _, sender, _, quote_id = quote.name.split("/")
        fingerprint = Fingerprint(quote_id.encode(), b"", b"", cast("Any", None))
        markets = Markets(self.database)
        recent = RecentQuotes(self.database)
        sources = Sources(self.database, markets, recent, self.ledger)
        accepting = Accepting(self.database, clock or SystemClock(), LEASE, markets, recent, sources)
        await accepting.accept(Asking(fingerprint, "test", 0.0), sender, quote_id, "")
        reached("RECEIVED")
        await self._progress(reached, SystemClock()).drive(quote_id, time.monotonic() + 30)

    async def take_up(self, quote: res.Quote, clock: Clock) -> None:
        """Goes on with what was left."""
        await self._progress(nowhere, clock).drive(quote.name.rpartition("/")[2], time.monotonic() + 30)

    def _progress(self, reached: Reached, clock: Clock) -> Progress:
        ends = Ends(self.database, clock, reached)
        stepping = Stepping(ends, exchanges, self.sides, PATIENCE, LEASE)
        return Progress(Standings(self.database), self.ledger, LEASE, ends, stepping)

    async def reverse(self, sent: res.Exchange, points: int, reached: Reached) -> str:
        """Accepts a reversal, and takes it to its end or to the crash; answers its id."""
        _, sender, _, exchange_id = sent.name.split("/")
        wanted = Wanted(exchange_id, points, "Asked for")
        service = self._reversals(reached, SystemClock())
        async with self.database.transaction() as connection:
            reversal_id = await service.accept(connection, "test", sender, wanted)
        reached("accepted")
        await service.drive(reversal_id, time.monotonic() + 30)
        return reversal_id

    async def take_up_reversal(self, sent: res.Exchange, clock: Clock) -> None:
        """Goes on with the reversal of an exchange that was left."""
        async with self.database.acquire() as connection:
            found = await reversals.of_exchange(connection, sent.name.rpartition("/")[2], 1_000)
        await self._reversals(nowhere, clock).drive(found[-1].reversal_id, time.monotonic() + 30)

    def _reversals(self, reached: Reached, clock: Clock) -> Reversals:
        ends = ReversalEnds(self.database, clock, reached)
        stepping = Stepping(ends, reversals, self.sides, PATIENCE, LEASE)
        return Reversals(self.database, self.ledger, clock, LEASE, ends, stepping)


@asynccontextmanager
async def in_process(fallible: Fallible) -> AsyncIterator[InProcess]:
    tokens = ServiceTokens("partner_exchange", fallible.identity.signing_key_file("partner_exchange"))
    remote = Remote(fallible.ledger.target, LEDGER, partial(tokens.token, "ledger"))
    outward = Outward(lambda audience, scope: tokens.token(audience, scope, (audience,), ""), private=True)
    database = await Database.open(fallible.exchange.database.runtime_url, name="test")
    ledger = Ledger(remote, LockedPoints(None))
    yield InProcess(database, Sides(ledger, PartnerLedgers(outward, 10.0, 4)), ledger)
    await outward.close()
    await remote.close()
    await database.close()
