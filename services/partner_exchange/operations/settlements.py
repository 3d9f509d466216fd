"""What the operator does with the settlement of a window: begins it, has it go on, aborts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.errors import SettlementCommitted, SettlementUnderWay
from partner_exchange.domain.settlement import Settlement
from partner_exchange.domain.windows import WindowState, net_positions, window_name
from partner_exchange.operations.asking import Asking
from partner_exchange.operations.settling import Settling
from partner_exchange.operations.windows import Windows
from partner_exchange.store import partners, settlement, windows


@dataclass(frozen=True)
class Settlements:
    """Settlements, as the operator sees them."""

    database: Database
    clock: Clock
    windows: Windows
    settling: Settling
    lease: timedelta
    """After so long without an end the recovery loop takes a settlement up."""

    async def settle(self, asking: Asking, coalition_id: str, number: int) -> tuple[Settlement, bool]:
        """Begins to settle a window, or has a settlement that waits or was stopped go on; answers how far it came, and
        whether the request was sent before.

        Raises:
            NotFound: there is no such window.
            WindowStateConflict: it is open, or settled.
            SettlementUnderWay: another window is being settled.
            SettlementMismatch, SettlementRefused: as `Settling.drive`.
        """
        await self.windows.counted(coalition_id, number)

        async def begin(connection: Connection) -> bytes:
            # Two windows of a coalition are begun one after the other.
            await partners.lock_coalition(connection, coalition_id)
            window = await windows.lock(connection, coalition_id, number)
            window.require(WindowState.CLOSED, WindowState.ABORTED, WindowState.PENDING_SETTLEMENT)
            due_time = self.clock.now() + self.lease
            if window.state is WindowState.PENDING_SETTLEMENT:
                await settlement.resume(connection, window, due_time)
                return b""
            other = await settlement.pending(connection, coalition_id)
            if other is not None:
                raise SettlementUnderWay(window=window_name(coalition_id, other))
            nets = net_positions(await windows.amounts(connection, window))
            await settlement.begin(connection, window, nets, asking.actor, due_time)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, begin)
        if not replayed:
            self.settling.reached("settlement begun")
        return await self._driven(coalition_id, number, asking.until), replayed

    async def abort(self, asking: Asking, coalition_id: str, number: int) -> tuple[Settlement, bool]:
        """Has a settlement give back what was set aside; answers how far it came, and whether the request was sent
        before.

        Raises:
            NotFound: there is no such window.
            WindowStateConflict: it is not being settled.
            SettlementCommitted: it only goes forward.
        """

        async def ask(connection: Connection) -> bytes:
            window = await windows.lock(connection, coalition_id, number)
            window.require(WindowState.PENDING_SETTLEMENT)
            if (await settlement.read(connection, window)).committed:
                raise SettlementCommitted(window=window.name)
            await settlement.ask_to_abort(connection, window, asking.actor, self.clock.now() + self.lease)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, ask)
        return await self._driven(coalition_id, number, asking.until), replayed

    async def _driven(self, coalition_id: str, number: int, until: float) -> Settlement:
        """How far it comes now; where the ledger is silent, how far it is: it goes on by itself."""
        try:
            return await self.settling.drive(coalition_id, number, until)
        except OutcomeUnknown:
            return await self.windows.get(coalition_id, number)
