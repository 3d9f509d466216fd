"""The ends of a reversal: committed with all that follows from them, by whoever is first."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database
from partner_exchange.domain.exchanges import Exchange, State
from partner_exchange.domain.reversals import Reversal, other_way
from partner_exchange.operations import booking
from partner_exchange.operations.dispute_events import dispute_event
from partner_exchange.operations.reached import Reached
from partner_exchange.store import disputes, exchanges, reversals, windows


class ReversalEnds:
    """Brings reversals to COMMITTED or ABORTED. They are given as the exchanges the other way that they are."""

    def __init__(self, database: Database, clock: Clock, reached: Reached) -> None:
        self.database = database
        self.clock = clock
        self._reached = reached

    def reached(self, moment: str, /) -> None:
        """Moments of reversals are told as such."""
        self._reached(f"reversal {moment}")

    async def end(self, before: State, exchange: Exchange, latest_asked: datetime | None = None) -> Exchange:
        """Moves the reversal from `before` to its end, with all that follows from it; where somebody else was faster
        nothing follows, and what is, is answered. An abortion with `latest_asked` is committed only where no attempt of
        asking the ledger has begun after that one.
        """

        async def unit(connection: Connection) -> bool:
            return await self.write(connection, before, exchange, latest_asked)

        if not await self.database.run(unit, repeatable=True):
            return await self.now(exchange.exchange_id)
        self.reached(exchange.state.value)
        return exchange

    async def write(
        self, connection: Connection, before: State, exchange: Exchange, latest_asked: datetime | None = None
    ) -> bool:
        """The same within a transaction; False where the reversal was no longer `before`."""
        if exchange.commitment is not None:
            await windows.keep_open(connection, exchange.coalition_id)
        # In the order in which a reversal is accepted: the exchange's row, then the reversal's.
        _, returned = await reversals.lock_exchange(connection, exchange.reverses)
        reversal = await reversals.get(connection, exchange.exchange_id)
        reversed_one = await exchanges.get(connection, exchange.reverses)
        now = self.clock.now()
        if exchange.commitment is not None:
            if not await reversals.commit(connection, before, reversal.reversal_id, exchange.commitment):
                return False
            await self._tell_dispute(connection, reversal, now, committed=True)
            whole = returned == reversed_one.debited
            await booking.take_back(connection, reversed_one, reversal, whole=whole)
            await publish(connection, reversal_event("exchange_reversed", reversed_one, reversal, now))
            return True
        assert exchange.refusal is not None
        if not await reversals.abort(connection, before, reversal.reversal_id, exchange.refusal, latest_asked):
            return False
        await self._tell_dispute(connection, reversal, now, committed=False)
        await reversals.count_returned(connection, reversed_one.exchange_id, -reversal.returned)
        await publish(connection, reversal_event("reversal_aborted", reversed_one, reversal, now))
        return True

    async def now(self, exchange_id: str) -> Exchange:
        """The reversal as it is now."""
        async with self.database.acquire() as connection:
            reversal = await reversals.get(connection, exchange_id)
            return other_way(reversal, await exchanges.get(connection, reversal.exchange_id))

    def calls_operator(self, exchange: Exchange) -> Event:
        """What is told where people have to find out what a partner has done."""
        data = {"reversal": exchange.name}
        name = f"partners/{exchange.receiver}/exchanges/{exchange.reverses}"
        return Event("guerdon.exchange.v1.reversal_needs_operator", name, name, self.clock.now(), data)

    async def _tell_dispute(
        self, connection: Connection, reversal: Reversal, now: datetime, *, committed: bool
    ) -> None:
        dispute = await disputes.lock_waiting_for(connection, reversal.reversal_id)
        if dispute is not None:
            await disputes.reversal_ended(connection, dispute.dispute_id, now, committed=committed)
            if committed:
                await publish(connection, dispute_event("dispute_resolved", dispute, now))


def reversal_event(kind: str, exchange: Exchange, reversal: Reversal, now: datetime) -> Event:
    """What is told of a reversal."""
    data: dict[str, str | int] = {
        "exchange": exchange.name,
        "reversal": f"{exchange.name}/reversals/{reversal.reversal_id}",
        "sender": f"partners/{exchange.sender}",
        "receiver": f"partners/{exchange.receiver}",
        "returned_amount": reversal.returned,
        "taken_back_amount": reversal.taken_back,
    }
    return Event(f"guerdon.exchange.v1.{kind}", exchange.name, exchange.name, now, data)
