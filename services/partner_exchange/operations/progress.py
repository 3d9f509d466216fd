"""The promise of an exchange: both sides are posted, or neither, whatever is killed in between.

The state is committed before and after the ledger is asked, and the ledger knows the exchange by one request id. So
whoever finds one under way can go on: the call that made it, the same request sent again, or the recovery loop.
Several may do so at once: the ledger answers all alike, and of two that write a state one finds it written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from guerdon_kit.gathering import Gathering
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection
from partner_exchange.clients.ledger import Ledger, LookAgain
from partner_exchange.domain.exchanges import (
    FROZEN_REFUSALS,
    Attempt,
    Commitment,
    Exchange,
    Posted,
    State,
    is_final_refusal,
)
from partner_exchange.domain.partners import Partner
from partner_exchange.domain.steps import goes_by_steps, sent_of, sources_of
from partner_exchange.operations.ends import Ends
from partner_exchange.operations.standings import Standing, Standings
from partner_exchange.operations.stepping import Stepping
from partner_exchange.store import exchanges
from partner_exchange.store.exchanges import Begun


class Progress:
    """Takes exchanges to their end."""

    def __init__(
        self,
        standings: Standings,
        ledger: Ledger,
        lease: timedelta,
        ends: Ends,
        stepping: Stepping,
    ) -> None:
        """After `lease` without an end the recovery loop takes an exchange up."""
        self.database = ends.database
        self.clock = ends.clock
        self.reached = ends.reached
        self.lease = lease
        self._standings = standings
        self._ledger = ledger
        self._ends = ends
        self._stepping = stepping
        self._beginnings = Gathering(self._begin_together, lambda begun: [begun.exchange.exchange_id])

    async def drive(self, exchange_id: str, until: float, *, alone: bool = False) -> Exchange:
        """Takes an exchange to its end, as `drive_from`."""
        return await self.drive_from(await self._standings.get(exchange_id), until, alone=alone)

    async def drive_from(
        self, standing: Standing, until: float, *, fresh: bool = False, alone: bool = False
    ) -> Exchange:
        """Takes an exchange to its end, COMMITTED or ABORTED, and answers it; with `alone` only as far as the remote
        partner goes that is asked now. `until` is of `time.monotonic()`. A `fresh` one nobody has asked for before.

        Raises:
            OutcomeUnknown: a side did not answer in time, or an earlier attempt may still be under way. Go on later,
                from the state that is kept.
            Unavailable: PostgreSQL is away.
        """
        exchange, sender, receiver = standing.exchange, standing.sender, standing.receiver
        if goes_by_steps(sender, receiver):
            return await self._stepping.drive(exchange, sender, receiver, until, alone=alone)
        attempt = Attempt(exchange.create_time, None) if fresh and exchange.state is State.POSTING else None
        if exchange.state is State.RECEIVED:
            exchange, attempt = await self._begin(exchange, sender, receiver, until)
        if attempt is None:
            attempt = None if exchange.state.final else await self._ask_again(exchange)
        if attempt is None:  # at its end, perhaps by somebody else just now: the ledger is asked no more
            return await self._ends.now(exchange.exchange_id)
        while True:  # each time takes a call to the ledger, which ends with `until`
            try:
                answer = await self._ledger.post(exchange, sender, receiver, until)
                break
            except LookAgain:
                exchange, attempt = await self._look_again(exchange, sender, receiver, until)
        self.reached("ledger answered")
        if isinstance(answer, Posted):
            commitment = Commitment(answer.transaction, answer.record_time)
            moved = replace(exchange, state=State.COMMITTED, commitment=commitment)
            ended = await self._ends.end(State.POSTING, moved)
        elif is_final_refusal(answer, asked_before=attempt.asked_before, now=self.clock.now()):
            latest = None if answer.reason in FROZEN_REFUSALS else attempt.ask_time
            ended = await self._ends.end(State.POSTING, replace(exchange, state=State.ABORTED, refusal=answer), latest)
        else:
            await self._answered(exchange, attempt)
            raise OutcomeUnknown
        if not ended.state.final:  # another attempt has begun since, and may still post
            raise OutcomeUnknown
        return ended

    async def _begin(
        self, exchange: Exchange, sender: Partner, receiver: Partner, until: float
    ) -> tuple[Exchange, Attempt | None]:
        """Fixes what the ledger will be asked, as the first attempt; None where somebody else did, with the exchange
        as it is.
        """
        source = await self._ledger.source(sender, exchange.source_account_id, exchange.actor, until)
        now = self.clock.now()
        posting = sent_of(replace(exchange, state=State.POSTING), source, receiver, now)
        sources = sources_of(exchange, source)

        # Run again after a commit whose answer was lost, it finds the state moved: then this counts as asked before.
        if not await self._beginnings.do((), Begun(posting, sources, now)):
            return await self._ends.now(exchange.exchange_id), None
        self.reached(State.POSTING.value)
        return posting, Attempt(now, None)

    async def _look_again(
        self, void: Exchange, sender: Partner, receiver: Partner, until: float
    ) -> tuple[Exchange, Attempt]:
        """Fixes anew what the ledger will be asked, as the first attempt with that.

        Raises:
            OutcomeUnknown: somebody else did.
        """
        source = await self._ledger.source(sender, void.source_account_id, void.actor, until)
        now = self.clock.now()
        anew, sources = sent_of(void, source, receiver, now), sources_of(void, source)

        async def unit(connection: Connection) -> bool:
            return await exchanges.look_again(connection, void, anew, sources, now, now + self.lease)

        if not await self.database.run(unit):
            raise OutcomeUnknown
        return anew, Attempt(now, None)

    async def _begin_together(self, _key: tuple[()], begun: Sequence[Begun]) -> list[bool | Exception]:
        async def unit(connection: Connection) -> set[str]:
            return await exchanges.begin_posting(connection, begun)

        moved = await self.database.run(unit, repeatable=True)
        return [one.exchange.exchange_id in moved for one in begun]

    async def _ask_again(self, exchange: Exchange) -> Attempt | None:
        async def unit(connection: Connection) -> Attempt | None:
            return await exchanges.ask_again(connection, exchange, self.clock.now())

        return await self.database.run(unit, repeatable=True)

    async def _answered(self, exchange: Exchange, attempt: Attempt) -> None:
        async with self.database.transaction() as connection:
            await exchanges.answered(connection, exchange, attempt)
