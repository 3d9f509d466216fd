"""The ends of an exchange: committed with the event that tells of it, by whoever is first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database
from partner_exchange.domain.exchanges import Exchange, State
from partner_exchange.operations import booking
from partner_exchange.operations.reached import Reached
from partner_exchange.store import exchanges


@dataclass(frozen=True)
class Ends:
    """Brings exchanges to COMMITTED or ABORTED."""

    database: Database
    clock: Clock
    reached: Reached

    async def end(self, before: State, exchange: Exchange, latest_asked: datetime | None = None) -> Exchange:
        """Moves the exchange from `before` to its end; where somebody else was faster, answers what is. An abortion
        with `latest_asked` is committed only where no attempt of asking the ledger has begun after that one.
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
        """The same within a transaction; False where the exchange was no longer `before`."""
        if exchange.commitment is not None:
            moved = await exchanges.commit(connection, before, exchange.exchange_id, exchange.commitment)
            if moved:
                await booking.commit(connection, exchange)
        else:
            assert exchange.refusal is not None
            moved = await exchanges.abort(connection, before, exchange.exchange_id, exchange.refusal, latest_asked)
            if moved:
                await booking.release(connection, exchange)
        if moved:
            await publish(connection, _ended(exchange, self.clock.now()))
        return moved

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
