"""The ends of an exchange: committed with the event that tells of it, by whoever is first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.gathering import Gathering
from guerdon_kit.postgres import Connection, Database
from partner_exchange.domain.exchanges import Exchange, State
from partner_exchange.operations import booking
from partner_exchange.operations.reached import Reached
from partner_exchange.store import exchanges


class Ends:
    """Brings exchanges to COMMITTED or ABORTED; what is COMMITTED at the same time in one transaction."""

    def __init__(self, database: Database, clock: Clock, reached: Reached) -> None:
        self.database = database
        self.clock = clock
        self.reached = reached
        self._gathering = Gathering(self._commit, lambda exchange: [exchange.exchange_id])

    async def end(self, before: State, exchange: Exchange, latest_asked: datetime | None = None) -> Exchange:
        """Moves the exchange from `before` to its end; where somebody else was faster, answers what is. An abortion
        with `latest_asked` is committed only where no attempt of asking the ledger has begun after that one.
        """

        async def abort(connection: Connection) -> bool:
            return await self.write(connection, before, exchange, latest_asked)

        if exchange.commitment is not None:
            moved = await self._gathering.do(before, exchange)
        else:
            moved = await self.database.run(abort, repeatable=True)
        if not moved:
            return await self.now(exchange.exchange_id)
        self.reached(exchange.state.value)
        return exchange

    async def write(
        self, connection: Connection, before: State, exchange: Exchange, latest_asked: datetime | None = None
    ) -> bool:
        """The same within a transaction; False where the exchange was no longer `before`."""
        if exchange.commitment is not None:
            return await self._write_committed(connection, before, [exchange]) == {exchange.exchange_id}
        assert exchange.refusal is not None
        if not await exchanges.abort(connection, before, exchange.exchange_id, exchange.refusal, latest_asked):
            return False
        await booking.release(connection, exchange)
        await publish(connection, _ended(exchange, self.clock.now()))
        return True

    async def _commit(self, before: State, group: Sequence[Exchange]) -> list[bool | Exception]:
        async def unit(connection: Connection) -> set[str]:
            return await self._write_committed(connection, before, group)

        moved = await self.database.run(unit, repeatable=True)
        return [exchange.exchange_id in moved for exchange in group]

    async def _write_committed(self, connection: Connection, before: State, group: Sequence[Exchange]) -> set[str]:
        """Answers which of them were `before`."""
        commitments = {one.exchange_id: one.commitment for one in group if one.commitment is not None}
        moved = await exchanges.commit(connection, before, commitments)
        committed = [exchange for exchange in group if exchange.exchange_id in moved]
        if committed:
            await booking.commit(connection, committed)
            now = self.clock.now()
            await publish(connection, *(_ended(exchange, now) for exchange in committed))
        return moved

    def calls_operator(self, exchange: Exchange) -> Event:
        """What is told where people have to find out what a partner has done."""
        return exchange_event("exchange_needs_operator", exchange, self.clock.now())

    async def now(self, exchange_id: str) -> Exchange:
        """The exchange as it is now."""
        async with self.database.acquire() as connection:
            return await exchanges.get(connection, exchange_id)


def _ended(exchange: Exchange, now: datetime) -> Event:
    kind = "exchange_committed" if exchange.state is State.COMMITTED else "exchange_aborted"
    return exchange_event(kind, exchange, now)


def exchange_event(kind: str, exchange: Exchange, now: datetime) -> Event:
    """What is told of an exchange."""
    data: dict[str, str | int] = {
        "exchange": exchange.name,
        "sender": f"partners/{exchange.sender}",
        "receiver": f"partners/{exchange.receiver}",
        "debited_amount": exchange.debited,
        "received_amount": exchange.received,
    }
    if exchange.refusal is not None:
        data["reason"] = exchange.refusal.reason
    return Event(f"guerdon.exchange.v1.{kind}", exchange.name, exchange.name, now, data)
