"""Settlement windows: closing one opens the next, and then what the brands owe each other is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.settlement import Settlement
from partner_exchange.domain.windows import (
    HUB,
    Obligations,
    PairAmount,
    UnderWay,
    Window,
    WindowState,
    check_settleable,
    count,
)
from partner_exchange.operations.asking import Asking
from partner_exchange.store import partners, settlement, windows


@dataclass(frozen=True)
class Windows:
    """A coalition's windows."""

    database: Database
    clock: Clock

    async def close(self, asking: Asking, coalition_id: str, number: int) -> tuple[Settlement, bool]:
        """Closes the open window, and opens the next; answers the closed one, and whether the request was sent before.

        A fence: what is being committed is waited for and is in the window, and what comes after is in the next one.

        Raises:
            NotFound: there is no such window.
            WindowStateConflict: it is not open.
        """

        async def close(connection: Connection) -> bytes:
            await windows.fence(connection, coalition_id)
            window = await windows.lock(connection, coalition_id, number)
            window.require(WindowState.OPEN)
            await windows.close(connection, window, self.clock.now(), asking.actor)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, close)
        await self.counted(coalition_id, number)
        return await self.get(coalition_id, number), replayed

    async def get(self, coalition_id: str, number: int) -> Settlement:
        """A window, with the participants of its last settlement.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await settlement.read(connection, await windows.get(connection, coalition_id, number))

    async def newest(self, coalition_id: str, before: int, most: int) -> Sequence[Window]:
        """Windows, newest first, from before a number.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            await partners.coalition(connection, coalition_id)
            return await windows.newest(connection, coalition_id, before, most)

    async def under_way(self, coalition_id: str, after: tuple[datetime, str], most: int) -> Sequence[UnderWay]:
        """Exchanges that are in no window yet, oldest first, from after the given time and id.

        Raises:
            NotFound: there is no such coalition.
        """
        async with self.database.acquire() as connection:
            await partners.coalition(connection, coalition_id)
            return await windows.under_way(connection, coalition_id, after, most)

    async def counted(self, coalition_id: str, number: int) -> Window:
        """The window once it is counted what the brands owe each other in it. Whoever comes first counts: the call
        that closed it, the recovery loop, or who settles it; what a closed window holds never changes.

        Raises:
            NotFound: there is none.
            WindowStateConflict: it is open.
            SettlementMismatch: it comes to more than can be settled.
        """
        async with self.database.acquire() as connection:
            window = await windows.get(connection, coalition_id, number)
        if window.state is WindowState.OPEN:
            window.require(WindowState.CLOSED)
        if window.count_time is None:
            amounts = await self.count(window)
            check_settleable(window, amounts)

            async def keep(connection: Connection) -> None:
                await windows.keep_amounts(connection, window, amounts, self.clock.now())

            await self.database.run(keep, repeatable=True)
        async with self.database.acquire() as connection:
            return await windows.get(connection, coalition_id, number)

    async def count(self, window: Window) -> list[PairAmount]:
        """What the brands owe each other in a window that is closed, from its entries."""
        # Party by party, so that no statement is long however many entries there are.
        async with self.database.acquire() as connection:
            payers = [HUB, *sorted(await partners.of_coalition(connection, window.coalition_id))]
        found: list[Obligations] = []
        for payer in payers:
            async with self.database.acquire() as connection:
                found += await windows.obligations(connection, window, payer)
        return count(found)
