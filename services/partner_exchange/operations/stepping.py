"""Exchanges with a remote partner, step by step: see `partner_exchange.domain.steps`. Reversals are exchanges the other
way, and take the same steps; where either is kept, and what follows from its end, are a `Keeping` and its `Endings`.

This knows the two sides only as `Side`s. Whoever finds an exchange under way can go on, from the state that is kept;
several may do so at once, since a side answers all alike, and of two that write a state one finds it written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database
from partner_exchange.clients.ledger import LookAgain
from partner_exchange.domain.exchanges import (
    FROZEN_REFUSALS,
    Attempt,
    Exchange,
    Leg,
    Refusal,
    State,
    is_final_refusal,
)
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.steps import (
    NOT_RESERVED_IN_TIME,
    Answer,
    Done,
    Patience,
    Source,
    after,
    asked,
    given_up,
    is_too_late,
    sent_of,
    sources_of,
    to_crediting,
    to_reserving,
    waits_too_long,
)
from partner_exchange.operations.sides import Sides
from partner_exchange.store import exchanges, partners


class Keeping(Protocol):
    """Where what takes steps is kept: `store/exchanges.py`, or `store/reversals.py`."""

    async def move(
        self,
        connection: Connection,
        before: State,
        exchange: Exchange,
        asked: str | None,
        *,
        now: datetime,
        due_time: datetime,
        latest_asked: datetime | None,
        sources: Sequence[Leg] = (),
    ) -> bool:
        """From one state to the next."""

    async def not_answered(self, connection: Connection, exchange: Exchange, *, needs_operator: bool) -> bool:
        """The remote partner has not answered; answers whether that puts it before the operator."""

    async def ask_again(self, connection: Connection, exchange: Exchange, ask_time: datetime) -> Attempt | None:
        """The ledger is asked again; None where somebody else has moved it."""

    async def answered(self, connection: Connection, exchange: Exchange, attempt: Attempt) -> None:
        """An attempt of asking the ledger is over, with nothing decided."""

    async def put_off(self, connection: Connection, exchange_id: str, due_time: datetime, /) -> None:
        """The recovery loop takes it up at that time."""


class Endings(Protocol):
    """What follows from the ends, in the transactions by which they are written."""

    database: Database
    clock: Clock

    def reached(self, moment: str, /) -> None:
        """A process could be killed now: see `operations/reached.py`."""

    async def end(self, before: State, exchange: Exchange, latest_asked: datetime | None = None) -> Exchange:
        """Moves it from `before` to its end; where somebody else was faster, answers what is."""

    async def write(
        self, connection: Connection, before: State, exchange: Exchange, latest_asked: datetime | None = None
    ) -> bool:
        """The same within a transaction; False where it was no longer `before`."""

    async def now(self, exchange_id: str) -> Exchange:
        """As it is now."""

    def calls_operator(self, exchange: Exchange) -> Event:
        """What is told where people have to find out what a partner has done."""


@dataclass(frozen=True, slots=True)
class Under:
    """An exchange under way, and its partners."""

    exchange: Exchange
    sender: Partner
    receiver: Partner
    fresh: bool = False
    """Whether it was brought into its state just now: nobody has asked for it before."""

    @property
    def asked(self) -> str | None:
        """The id of the remote partner that is asked, if one is."""
        return asked(self.exchange, self.sender, self.receiver)


@dataclass(frozen=True)
class Stepping:
    """Takes exchanges with a remote partner to their end."""

    ends: Endings
    kept: Keeping
    sides: Sides
    patience: Patience
    lease: timedelta
    """After so long without a step the recovery loop takes an exchange up."""

    async def drive(
        self, exchange: Exchange, sender: Partner, receiver: Partner, until: float, *, alone: bool
    ) -> Exchange:
        """Takes an exchange to its end and answers it; with `alone` only as far as the partner goes that is asked now,
        and then leaves it to whoever looks after the next one.

        Raises:
            OutcomeUnknown: a side did not answer. Go on later.
            Unavailable: PostgreSQL is away.
        """
        under = Under(exchange, sender, receiver)
        first = under.asked
        while not under.exchange.state.final:
            if alone and under.asked != first:
                await self._hand_over(under.exchange)
                break
            under = await self._step(under, until)
        return under.exchange

    async def answer_for(self, connection: Connection, exchange: Exchange, answer: Answer) -> None:
        """Takes an exchange one step on as if the partner that is asked had answered so, within a transaction that
        holds its lock. It goes on by the recovery loop.
        """
        found = await partners.find(connection, [exchange.sender, exchange.receiver])
        sender, receiver = found[exchange.sender], found[exchange.receiver]
        now = self.ends.clock.now()
        moved = after(exchange, answer, sender, receiver, now)
        if moved.state.final:
            written = await self.ends.write(connection, exchange.state, moved)
        else:
            next_one = asked(moved, sender, receiver)
            written = await self.kept.move(
                connection, exchange.state, moved, next_one, now=now, due_time=now, latest_asked=None
            )
        assert written, "its lock is held"

    async def _step(self, under: Under, until: float) -> Under:
        exchange = under.exchange
        if is_too_late(exchange, under.sender, self.patience, self.ends.clock.now()):
            return await self._move(under, given_up(exchange, NOT_RESERVED_IN_TIME))
        if exchange.state is State.RESERVED:
            return await self._move(under, to_crediting(exchange))
        attempt = None
        if under.asked is None and not under.fresh and exchange.state is not State.RECEIVED:
            attempt = await self._ask_again(exchange)
            if attempt is None:  # somebody else was faster
                return replace(under, exchange=await self.ends.now(exchange.exchange_id), fresh=False)
        try:
            answer = await self._ask(under, until)
        except LookAgain:
            return await self._look_again(under, until)
        except OutcomeUnknown:
            if under.asked is not None:
                await self._not_answered(exchange, needs_operator=False)
            raise
        self.ends.reached(f"{exchange.state.value} answered")
        return await self._answered(under, answer, attempt, until)

    async def _ask(self, under: Under, until: float) -> Answer:
        exchange = under.exchange
        sender, receiver = self.sides.of(under.sender), self.sides.of(under.receiver)
        if exchange.debited == 0 and exchange.state is not State.CREDITING:
            return Done()  # a part that goes back and brought nothing: there is nothing to take
        match exchange.state:
            case State.RECEIVED:
                return await receiver.validate(exchange, until)
            case State.RESERVING:
                return await sender.reserve(exchange, until)
            case State.CREDITING:
                return await receiver.credit(exchange, until)
            case State.CREDITED:
                return await sender.commit(exchange, until)
            case state:
                assert state is State.CANCELLING, state
                return await sender.cancel(exchange, until)

    async def _answered(self, under: Under, answer: Answer, attempt: Attempt | None, until: float) -> Under:
        exchange, now = under.exchange, self.ends.clock.now()
        if exchange.state is State.RECEIVED and not isinstance(answer, Refusal):
            source = await self.sides.of(under.sender).source(exchange, until)
            return await self._move(under, to_reserving(exchange, source, under.receiver, now), source=source)
        latest = None
        if isinstance(answer, Refusal) and not answer.kept:  # the ledger's
            latest = await self._latest_of(under, answer, attempt, now)
        moved = after(exchange, answer, under.sender, under.receiver, now)
        if moved.state is exchange.state:
            await self._not_answered(exchange, needs_operator=True)
            raise OutcomeUnknown
        return await self._move(under, moved, latest, answer.source if isinstance(answer, Done) else None)

    async def _latest_of(
        self, under: Under, refusal: Refusal, attempt: Attempt | None, now: datetime
    ) -> datetime | None:
        """The attempt after which none may have begun, for a refusal of the ledger to be the end.

        Raises:
            OutcomeUnknown: an earlier attempt may still be carried out.
        """
        exchange = under.exchange
        assert exchange.state_time is not None
        this = attempt or Attempt(exchange.state_time, None)
        if not is_final_refusal(refusal, asked_before=this.asked_before, now=now):
            async with self.ends.database.transaction() as connection:
                await self.kept.answered(connection, exchange, this)
            raise OutcomeUnknown
        return None if refusal.reason in FROZEN_REFUSALS else this.ask_time

    async def _move(
        self, under: Under, moved: Exchange, latest_asked: datetime | None = None, source: Source | None = None
    ) -> Under:
        before, now = under.exchange.state, self.ends.clock.now()
        if moved.state.final:
            return replace(under, exchange=await self.ends.end(before, moved, latest_asked), fresh=False)
        after_it = Under(
            replace(moved, state_time=now, unanswered=0, needs_operator=False), under.sender, under.receiver
        )

        async def unit(connection: Connection) -> bool:
            return await self.kept.move(
                connection,
                before,
                moved,
                after_it.asked,
                now=now,
                due_time=now + self.lease,
                latest_asked=latest_asked,
                sources=() if source is None else sources_of(moved, source),
            )

        # Run again after a commit whose answer was lost, it finds the state moved: then this counts as asked before.
        if not await self.ends.database.run(unit, repeatable=True):
            return replace(under, exchange=await self.ends.now(moved.exchange_id), fresh=False)
        self.ends.reached(moved.state.value)
        return replace(after_it, fresh=True)

    async def _look_again(self, under: Under, until: float) -> Under:
        """Fixes anew what the sender's ledger is asked, unless somebody else did."""
        void, now = under.exchange, self.ends.clock.now()
        source = await self.sides.of(under.sender).source(void, until)
        assert source is not None, "only a hosted sender's ledger looks at what is locked"
        anew = replace(sent_of(void, source, under.receiver, now), state_time=now)

        async def unit(connection: Connection) -> bool:
            return await exchanges.look_again(connection, void, anew, sources_of(void, source), now, now + self.lease)

        if not await self.ends.database.run(unit):
            return replace(under, exchange=await self.ends.now(void.exchange_id), fresh=False)
        return replace(under, exchange=anew, fresh=True)

    async def _ask_again(self, exchange: Exchange) -> Attempt | None:
        async def unit(connection: Connection) -> Attempt | None:
            return await self.kept.ask_again(connection, exchange, self.ends.clock.now())

        return await self.ends.database.run(unit, repeatable=True)

    async def _not_answered(self, exchange: Exchange, *, needs_operator: bool) -> None:
        """Keeps that the outcome is unknown; after too long, or at once, with the event that calls for people."""
        now = self.ends.clock.now()
        needs_operator = needs_operator or waits_too_long(exchange, self.patience, now)
        async with self.ends.database.transaction() as connection:
            if await self.kept.not_answered(connection, exchange, needs_operator=needs_operator):
                await publish(connection, self.ends.calls_operator(exchange))

    async def _hand_over(self, exchange: Exchange) -> None:
        async with self.ends.database.transaction() as connection:
            await self.kept.put_off(connection, exchange.exchange_id, self.ends.clock.now())
