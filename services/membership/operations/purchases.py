"""Recording one purchase: rated and recorded, perhaps together with others, then brought to the ledger."""

from __future__ import annotations

import asyncio

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from membership.domain.moments import AHEAD_MAX, to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.domain.rows import Row, sort_out
from membership.operations.deliveries import MARGIN_S, Deliveries
from membership.operations.found import find_purchases
from membership.operations.gathering import GatheredPurchases
from membership.operations.rules import Rulebooks
from membership.operations.simulation import simulated


class Purchases:
    """Purchases, one at a time."""

    def __init__(self, database: Database, deliveries: Deliveries, rulebooks: Rulebooks, clock: Clock) -> None:
        self._database = database
        self._deliveries = deliveries
        self._rulebooks = rulebooks
        self._clock = clock
        self._gathering = GatheredPurchases(database, deliveries, rulebooks, clock)

    async def record(
        self, program: Program, row: Row, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[Purchase, bool, bool]:
        """Records a purchase; answers it, whether it was recorded before by another request, and whether this is a
        replay.

        Raises:
            InvalidField: a field is out of its bounds, by the names of `Row`'s contract.
            NotFound: there is no such member.
            PurchaseDiffers: the id was recorded with other facts.
        """
        now = self._clock.now()
        _, wrong = sort_out([row], to_microseconds(now + AHEAD_MAX))
        for violation in wrong.values():
            raise violation
        gathered = await self._gathering.record(program, row, fingerprint, actor)
        if gathered.group is not None:
            done, _ = await asyncio.wait([gathered.group], timeout=within_s - MARGIN_S)
            if done and row.purchase_id in (found := gathered.group.result()):
                return found[row.purchase_id], gathered.already, gathered.replayed
        elif gathered.replayed and gathered.delivery_no is not None:
            delivery = await self._deliveries.find(gathered.delivery_no)
            if delivery is not None:
                await self._deliveries.try_to_deliver(delivery, within_s)
        return await self.get(program, row.purchase_id), gathered.already, gathered.replayed

    async def simulate(self, program: Program, row: Row) -> Purchase:
        """What a purchase would be recorded as now; a recorded one as it is. Nothing is written, and nobody waits.

        Raises:
            InvalidField, NotFound, PurchaseDiffers, MemberClosed, MemberErased: as `record`.
        """
        now = self._clock.now()
        _, wrong = sort_out([row], to_microseconds(now + AHEAD_MAX))
        for violation in wrong.values():
            raise violation

        async def work(connection: Connection) -> Purchase:
            return await simulated(connection, program, self._rulebooks, row, now)

        return await self._database.run(work)

    async def get(self, program: Program, purchase_id: str) -> Purchase:
        """A purchase.

        Raises:
            NotFound: there is none.
        """
        found = await find_purchases(self._database, program, [purchase_id])
        if purchase_id not in found:
            raise NotFound(f"{program.name}/purchases/{purchase_id}")
        return found[purchase_id]
