"""Awards that are held: released or rejected by somebody, once. What was decided is recorded with who did and why, and
then brought to the ledger as everything is.
"""

from __future__ import annotations

import json
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.deliveries import Delivery
from membership.domain.errors import AwardNotHeld
from membership.domain.flags import REASON_MAX, FlagState
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, Purchase
from membership.domain.tranches import Wait
from membership.domain.waits import WaitState
from membership.operations.deciding import deliver_later
from membership.operations.deliveries import Deliveries
from membership.operations.events import award_decided
from membership.operations.standings import Taken, take_off
from membership.store import awaited, flags, gifts, members, purchases
from membership.store.awaited import NewWait


class Holds:
    """Awards that are held."""

    def __init__(self, database: Database, service: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._clock = clock

    async def decide(
        self,
        program: Program,
        purchase_id: str,
        state: FlagState,
        reason: str,
        fingerprint: Fingerprint,
        actor: str,
        within_s: float,
    ) -> bool:
        """Releases an award, or rejects it; answers whether this is a replay.

        Raises:
            InvalidField: the reason is out of its bounds.
            NotFound: there is no such purchase.
            AwardNotHeld: its award is not held, or not any more.
        """
        if not 1 <= len(reason) <= REASON_MAX or not reason.isprintable():
            raise InvalidField.of("reason", f"must be 1 to {REASON_MAX} printable characters")
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            now = self._clock.now()
            purchase, member = await _hold(connection, program, purchase_id)
            await flags.decide(connection, program, purchase_id, state, now, actor, reason)
            await publish(connection, award_decided(program, purchase, state, actor, now))
            if state is FlagState.REJECTED:
                await _take_all(connection, program, member, purchase, now)
            else:
                await _wait_on(connection, program, member, purchase, actor, now)
            await gifts.wake(connection, program, purchase_id, now)
            due_time = self._deliveries.first_due_time()
            delivery = await deliver_later(connection, program, purchase, actor, due_time)
            return json.dumps(delivery.delivery_no).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        if replayed:
            delivery = await self._deliveries.find(json.loads(outcome))
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, within_s)
        return replayed

    async def page(self, program: Program, after: str, most: int) -> list[Purchase]:
        """Purchases whose awards are held, in the order of their ids."""
        async with self._database.acquire() as connection:
            ids = await flags.held(connection, program, after, most)
            found = await purchases.find_all(connection, program, ids)
        return [found[purchase_id][0] for purchase_id in ids]


async def _hold(connection: Connection, program: Program, purchase_id: str) -> tuple[Purchase, Member]:
    """A purchase whose award is held, and its member, whose row is locked from here on."""
    name = f"{program.name}/purchases/{purchase_id}"
    found = await purchases.find(connection, program, purchase_id)
    if found is None:
        raise NotFound(name)
    member = await members.hold(connection, program, found[0].member_id)
    found = await purchases.find(connection, program, purchase_id)  # again: now nobody else changes it
    assert found is not None, "purchases are not deleted"
    flag = found[0].flag
    if flag is None or flag.state is not FlagState.HELD:
        raise AwardNotHeld(name, "none" if flag is None else flag.state.name)
    return found[0], member


async def _take_all(
    connection: Connection, program: Program, member: Member, purchase: Purchase, now: datetime
) -> None:
    """Has nothing left of the award: returns that come later take nothing of it."""
    await awaited.end(connection, program, purchase.purchase_id, WaitState.TAKEN_BACK, now)
    left = purchase.award.points - purchase.returned_points
    await purchases.take_back(
        connection, program, purchase.purchase_id, purchase.returned_amount, purchase.award.points
    )
    await take_off(connection, program, member, purchase, Taken(left), now)


async def _wait_on(
    connection: Connection, program: Program, member: Member, purchase: Purchase, actor: str, now: datetime
) -> None:
    """Has points of a released award wait that were not to be available yet."""
    beside = purchase.terms.credits_beside() if isinstance(purchase.terms, FrozenTerms) else ()
    times = [purchase.available_time, *(one.available_time for _, _, one in beside)]
    await awaited.insert(
        connection,
        program,
        [
            NewWait(purchase.purchase_id, member.member_no, place, Wait("", time, released=True), time)
            for place, time in enumerate(times)
            if time is not None and time > now
        ],
        actor,
    )
