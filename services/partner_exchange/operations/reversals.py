"""The promise of a reversal: both sides of an exchange go back, or neither, once, whatever is killed in between.

As with the exchange itself, the state is committed before and after a side is asked, and each side knows the reversal
by one id. Where a partner is remote it takes the steps of an exchange the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound, Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.errors import ReversalAborted, ReversalInProgress
from partner_exchange.domain.exchanges import Attempt, Commitment, Exchange, Posted, State
from partner_exchange.domain.limits import check_reason
from partner_exchange.domain.partners import Coalition, Partner, check_present
from partner_exchange.domain.reversals import (
    KEPT_REFUSALS,
    Reversal,
    check_reversible,
    ends_reversal,
    other_way,
    part_to_reverse,
    returned_legs,
)
from partner_exchange.domain.steps import asked, goes_by_steps
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.reversal_ends import ReversalEnds
from partner_exchange.operations.stepping import Stepping
from partner_exchange.store import exchanges, partners, reversals

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
    ends: ReversalEnds
    stepping: Stepping
    """Of reversals."""

    async def reverse(self, asking: Asking, sender: str, wanted: Wanted) -> tuple[View, bool]:
        """Takes an exchange back, or a part of it; answers the reversal, and whether the request was sent before.

        Raises:
            InvalidField: the reason is none, or the amount below 0.
            NotFound: the partner has sent no such exchange.
            PartnerNotLive: one side has left the coalition.
            ExchangeNotCommitted, ReversalTooLate, OverReversal: there is nothing that could be taken back.
            ReversalAborted: the ledger, or a partner's own, refused, for this request for ever.
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
            raise ReversalInProgress(exchange=f"partners/{reader}/exchanges/{kept.exchange_id}") from error
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

    async def unanswered(self, coalition_id: str, after: tuple[datetime, str], most: int) -> Sequence[View]:
        """The reversals of a coalition that are before the operator, oldest first, from after the given time and id;
        each as the exchange's sender sees it.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            found = await reversals.before_operator(connection, coalition_id, after, most)
            of = await exchanges.find(connection, [one.exchange_id for one in found])
            coalition = await partners.coalition(connection, coalition_id)
        return [View(one, of[one.exchange_id].sender, of[one.exchange_id], coalition) for one in found]

    async def accept(
        self, connection: Connection, actor: str, sender: str, wanted: Wanted, *, disputed: bool = False
    ) -> str:
        """Keeps a reversal, and with it every word that the ledger will be asked; answers its id. From here on it goes
        on by itself.

        Raises:
            NotFound, InvalidField, PartnerNotLive, ExchangeNotCommitted, ReversalTooLate, OverReversal: as `reverse`.
            ReversalInProgress: another one of the exchange is under way.
        """
        try:
            exchange = await exchanges.get(connection, wanted.exchange_id)
        except NotFound:
            raise NotFound(f"partners/{sender}/exchanges/{wanted.exchange_id}") from None
        if exchange.sender != sender:
            raise NotFound(f"partners/{sender}/exchanges/{wanted.exchange_id}")
        sides = await partners.hold(connection, [exchange.sender, exchange.receiver])
        check_present(*sides.values())
        sources, returned_before = await reversals.lock_exchange(connection, wanted.exchange_id)
        exchange = await exchanges.get(connection, wanted.exchange_id)
        now = self.clock.now()
        check_reversible(exchange, now, disputed=disputed)
        if await reversals.is_under_way(connection, wanted.exchange_id):
            raise ReversalInProgress(exchange=exchange.name)
        part = part_to_reverse(exchange, returned_before, wanted.points)
        sending, receiving = sides[exchange.sender], sides[exchange.receiver]
        by_steps = goes_by_steps(sending, receiving)
        undone = part.returned == exchange.debited and not by_steps
        new = Reversal(
            reversal_id=new_id("rv"),
            exchange_id=exchange.exchange_id,
            returned=part.returned,
            taken_back=part.taken_back,
            promoted_back=part.promoted_back,
            legs=() if undone else returned_legs(sources, returned_before, part.returned, now),
            reason=wanted.reason,
            actor=actor,
            create_time=now,
            state=State.RESERVING if by_steps else State.POSTING,
        )
        await reversals.count_returned(connection, exchange.exchange_id, part.returned)
        first = asked(other_way(new, exchange), receiving, sending)
        await reversals.insert(connection, new, first, now + self.lease)
        return new.reversal_id

    async def drive(self, reversal_id: str, until: float, *, alone: bool = False) -> Reversal:
        """Takes a reversal to its end and answers it; with `alone` only as far as the remote partner goes that is asked
        now.

        Raises:
            OutcomeUnknown: a side did not answer in time, or an earlier attempt may still be under way.
            Unavailable: PostgreSQL is away.
        """
        reversal, exchange, sender, receiver = await self._read(reversal_id)
        if goes_by_steps(sender, receiver):
            await self.stepping.drive(other_way(reversal, exchange), receiver, sender, until, alone=alone)
        elif not reversal.state.final:
            await self._post(reversal, exchange, sender, receiver, until)
        ended, *_ = await self._read(reversal_id)
        if not (ended.state.final or alone):  # another attempt has begun since, and may still post
            raise OutcomeUnknown
        return ended

    async def _post(
        self, reversal: Reversal, exchange: Exchange, sender: Partner, receiver: Partner, until: float
    ) -> None:
        """Asks the ledger, which takes both sides back in one transaction, and commits the end."""
        self.ends.reached("accepted")
        back = other_way(reversal, exchange)

        async def ask(connection: Connection) -> Attempt | None:
            return await reversals.ask_again(connection, back, self.clock.now())

        attempt = await self.database.run(ask, repeatable=True)
        if attempt is None:  # at its end: the ledger is asked no more
            return
        answer = await self.ledger.take_back(reversal, exchange, sender, receiver, until)
        self.ends.reached("answered")
        if isinstance(answer, Posted):
            commitment = Commitment(answer.transaction, answer.record_time)
            await self.ends.end(State.POSTING, replace(back, state=State.COMMITTED, commitment=commitment))
        elif ends_reversal(answer, asked_before=attempt.asked_before, now=self.clock.now()):
            latest = None if answer.reason in KEPT_REFUSALS else attempt.ask_time
            await self.ends.end(State.POSTING, replace(back, state=State.ABORTED, refusal=answer), latest)
        else:
            raise OutcomeUnknown

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
