"""The promise of a reversal: both sides of an exchange go back, or neither, once, whatever is killed in between.

As with the exchange itself, the state is committed before and after the ledger is asked, and the ledger knows the
reversal by one request id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.events import Event, publish
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.errors import ReversalAborted, ReversalInProgress
from partner_exchange.domain.exchanges import Attempt, Exchange, Posted, Refusal
from partner_exchange.domain.limits import check_reason
from partner_exchange.domain.partners import Coalition, Partner
from partner_exchange.domain.reversals import (
    KEPT_REFUSALS,
    Reversal,
    ReversalState,
    check_hosted,
    check_reversible,
    ends_reversal,
    part_to_reverse,
    returned_legs,
)
from partner_exchange.operations import booking
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.dispute_events import dispute_event
from partner_exchange.operations.reached import Reached, nowhere
from partner_exchange.store import disputes, exchanges, partners, reversals

LISTED_MAX = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked back. `points` are debited ones, 0 all that is left."""

    exchange_id: str
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class View:
    """A reversal as one of the two partners, or the operator, may see it."""

    reversal: Reversal
    reader: str
    exchange: Exchange
    coalition: Coalition


@dataclass(frozen=True)
class Reversals:
    """Reversals of exchanges. `until` is of `time.monotonic()`."""

    database: Database
    ledger: Ledger
    clock: Clock
    lease: timedelta
    """After so long without an end the recovery loop takes a reversal up."""
    reached: Reached = nowhere

    async def reverse(self, asking: Asking, sender: str, wanted: Wanted) -> tuple[View, bool]:
        """Takes an exchange back, or a part of it; answers the reversal, and whether the request was sent before.

        Raises:
            InvalidField: the reason is none, or the amount below 0.
            NotFound: the partner has sent no such exchange.
            ExchangeNotCommitted, ReversalTooLate, OverReversal: there is nothing that could be taken back.
            RemoteReversal: a partner has a ledger of its own.
            ReversalAborted: the ledger refused, for this request for ever.
            ReversalInProgress: send the same request again.
        """
        check_reason(wanted.reason)

        async def unit(connection: Connection) -> bytes:
            return (await self.accept(connection, asking.actor, sender, wanted)).encode()

        outcome, replayed = await requests.once(self.database, asking.fingerprint, unit)
        return await self.finish(outcome.decode(), sender, asking.until), replayed

    async def finish(self, reversal_id: str, reader: str, until: float) -> View:
        """Drives an accepted reversal to its end and answers it.

        Raises:
            ReversalAborted: the ledger refused.
            ReversalInProgress: it is not at its end in time.
        """
        try:
            reversal = await self.drive(reversal_id, until)
        except (OutcomeUnknown, Unavailable) as error:
            async with self.database.acquire() as connection:
                kept = await reversals.get(connection, reversal_id)
            raise ReversalInProgress(exchange=f"exchanges/{kept.exchange_id}") from error
        [view] = await self._views(reader, reversal.exchange_id, [reversal])
        if reversal.refusal is not None:
            numbers = {
                key: reversal.refusal.metadata[key]
                for key in ("required", "available", "missing")
                if key in reversal.refusal.metadata
            }
            raise ReversalAborted(exchange=view.exchange.name, ledger_reason=reversal.refusal.reason, **numbers)
        return view

    async def of_exchange(self, reader: str, exchange_id: str) -> Sequence[View]:
        """The reversals of an exchange that the partner sent or received, oldest first.

        Raises:
            NotFound: there is no such exchange.
        """
        async with self.database.acquire() as connection:
            found = await reversals.of_exchange(connection, exchange_id, LISTED_MAX)
        return await self._views(reader, exchange_id, found)

    async def accept(
        self, connection: Connection, actor: str, sender: str, wanted: Wanted, *, disputed: bool = False
    ) -> str:
        """Keeps a reversal, and with it every word that the ledger will be asked; answers its id. From here on it goes
        on by itself.

        Raises:
            NotFound, InvalidField, ExchangeNotCommitted, ReversalTooLate, OverReversal, RemoteReversal: as `reverse`.
            ReversalInProgress: another one of the exchange is under way.
        """
        try:
            sources, returned_before = await reversals.lock_exchange(connection, wanted.exchange_id)
            exchange = await exchanges.get(connection, wanted.exchange_id)
        except NotFound:
            raise NotFound(f"partners/{sender}/exchanges/{wanted.exchange_id}") from None
        if exchange.sender != sender:
            raise NotFound(f"partners/{sender}/exchanges/{wanted.exchange_id}")
        now = self.clock.now()
        sides = await partners.find(connection, [exchange.sender, exchange.receiver])
        check_hosted(exchange, *sides.values())
        check_reversible(exchange, now, disputed=disputed)
        if await reversals.is_under_way(connection, wanted.exchange_id):
            raise ReversalInProgress(exchange=exchange.name)
        part = part_to_reverse(exchange, returned_before, wanted.points)
        whole = part.returned == exchange.debited
        new = Reversal(
            reversal_id=new_id("rv"),
            exchange_id=exchange.exchange_id,
            returned=part.returned,
            taken_back=part.taken_back,
            promoted_back=part.promoted_back,
            legs=() if whole else returned_legs(sources, returned_before, part.returned, now),
            reason=wanted.reason,
            actor=actor,
            create_time=now,
        )
        await reversals.count_returned(connection, exchange.exchange_id, part.returned)
        await reversals.insert(connection, new, now + self.lease)
        return new.reversal_id

    async def drive(self, reversal_id: str, until: float) -> Reversal:
        """Takes a reversal to its end and answers it.

        Raises:
            OutcomeUnknown: the ledger did not answer in time, or an earlier attempt may still be under way.
            Unavailable: PostgreSQL is away.
        """
        self.reached("reversal accepted")

        async def ask(connection: Connection) -> Attempt | None:
            return await reversals.ask(connection, reversal_id, self.clock.now())

        attempt = await self.database.run(ask, repeatable=True)
        reversal, exchange, sender, receiver = await self._read(reversal_id)
        if attempt is None:  # at its end: the ledger is asked no more
            return reversal
        answer = await self.ledger.take_back(reversal, exchange, sender, receiver, until)
        self.reached("reversal answered")
        if isinstance(answer, Posted):
            await self._end(reversal, exchange, answer)
        elif ends_reversal(answer, asked_before=attempt.asked_before, now=self.clock.now()):
            await self._end(reversal, exchange, answer, None if answer.reason in KEPT_REFUSALS else attempt.ask_time)
        else:
            raise OutcomeUnknown
        ended, *_ = await self._read(reversal_id)
        if ended.state is ReversalState.POSTING:  # another attempt has begun since, and may still post
            raise OutcomeUnknown
        self.reached("reversal ended")
        return ended

    async def _end(
        self, reversal: Reversal, exchange: Exchange, answer: Posted | Refusal, latest_asked: datetime | None = None
    ) -> None:
        """Commits the end with all that follows from it, once: where somebody else was faster nothing follows."""

        async def unit(connection: Connection) -> None:
            # In the order in which a reversal is accepted: the exchange's row, then the reversal's.
            _, returned = await reversals.lock_exchange(connection, exchange.exchange_id)
            if isinstance(answer, Posted):
                if await reversals.commit(connection, reversal.reversal_id, answer):
                    await self._tell_dispute(connection, reversal, committed=True)
                    await booking.take_back(connection, exchange, reversal, whole=returned == exchange.debited)
                    await publish(connection, _event("exchange_reversed", exchange, reversal, self.clock.now()))
            elif await reversals.abort(connection, reversal.reversal_id, answer, latest_asked):
                await self._tell_dispute(connection, reversal, committed=False)
                await reversals.count_returned(connection, exchange.exchange_id, -reversal.returned)
                await publish(connection, _event("reversal_aborted", exchange, reversal, self.clock.now()))

        await self.database.run(unit, repeatable=True)

    async def _tell_dispute(self, connection: Connection, reversal: Reversal, *, committed: bool) -> None:
        dispute = await disputes.lock_waiting_for(connection, reversal.reversal_id)
        if dispute is not None:
            now = self.clock.now()
            await disputes.reversal_ended(connection, dispute.dispute_id, now, committed=committed)
            if committed:
                await publish(connection, dispute_event("dispute_resolved", dispute, now))

    async def _read(self, reversal_id: str) -> tuple[Reversal, Exchange, Partner, Partner]:
        async with self.database.acquire() as connection:
            reversal = await reversals.get(connection, reversal_id)
            exchange = await exchanges.get(connection, reversal.exchange_id)
            found = await partners.find(connection, [exchange.sender, exchange.receiver])
        return reversal, exchange, found[exchange.sender], found[exchange.receiver]

    async def _views(self, reader: str, exchange_id: str, found: Sequence[Reversal]) -> Sequence[View]:
        name = f"partners/{reader}/exchanges/{exchange_id}"
        try:
            async with self.database.acquire() as connection:
                exchange = await exchanges.get(connection, exchange_id)
                coalition = await partners.coalition(connection, exchange.coalition_id)
        except NotFound:
            raise NotFound(name) from None
        if reader not in {exchange.sender, exchange.receiver}:
            raise NotFound(name)
        return [View(reversal, reader, exchange, coalition) for reversal in found]


def _event(kind: str, exchange: Exchange, reversal: Reversal, now: datetime) -> Event:
    data: dict[str, str | int] = {
        "exchange": exchange.name,
        "reversal": f"{exchange.name}/reversals/{reversal.reversal_id}",
        "sender": f"partners/{exchange.sender}",
        "receiver": f"partners/{exchange.receiver}",
        "returned_amount": reversal.returned,
        "taken_back_amount": reversal.taken_back,
    }
    return Event(f"guerdon.exchange.v1.{kind}", exchange.name, exchange.name, now, data)
