"""Events of purchases, such as a delivery, and the points that wait for them: told once, found to be told or not, and
then brought to the ledger as everything is.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.deliveries import Delivery
from membership.domain.errors import PurchaseEventDiffers
from membership.domain.ids import ID_RULE, is_id
from membership.domain.members import Member
from membership.domain.moments import AHEAD_MAX, EPOCH
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.domain.waits import Awaited, PurchaseEvent, WaitState, lost, outcome
from membership.operations.deciding import deliver_later
from membership.operations.deliveries import Deliveries
from membership.operations.events import award_wait_ended
from membership.operations.standings import Taken, take_off
from membership.store import awaited, members, programs, purchases, tranches
from membership.store.awaited import Key


class PurchaseEvents:
    """Events of purchases."""

    def __init__(self, database: Database, service: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._clock = clock

    async def record(
        self, program: Program, event: PurchaseEvent, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[datetime, bool, bool]:
        """Records an event; answers when it was told, whether it was recorded before by another request, and whether
        this is a replay. What waits for it can be spent from now on; its purchase may arrive later.

        Raises:
            InvalidField: a field is out of its bounds.
            PurchaseEventDiffers: the id was recorded with other facts.
        """
        _check(event, self._clock.now() + AHEAD_MAX)
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            now, delivery = self._clock.now(), None
            new = await awaited.tell(connection, program, event, now, actor)
            if new:
                delivery = await self._decide(connection, program, event.purchase_id, now)
            else:
                await _require_same(connection, program, event)
            number = delivery.delivery_no if delivery else None
            return json.dumps({"already": not new, "delivery": number}).encode()

        outcome_, replayed = await once(self._database, fingerprint, work)
        told = json.loads(outcome_)
        if replayed and told["delivery"] is not None:
            delivery = await self._deliveries.find(told["delivery"])
        elif told["delivery"] is None:
            # Its purchase may have been recorded and looked at after we looked for it, before others saw the event.
            delivery = await self._look((program.program_no, event.purchase_id))
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, within_s)
        async with self._database.acquire() as connection:
            found = await awaited.find_event(connection, program, event.event_id)
        assert found is not None, "events are not deleted"
        return found[1], told["already"], replayed

    async def advance(self, key: Key) -> None:
        """Looks what became of points of a purchase that wait.

        Raises:
            OutcomeUnknown, DeliveryRefused: it is decided, and not in the ledger yet; the delivery is taken up again.
        """
        delivery = await self._look(key)
        if delivery is not None:
            await self._deliveries.deliver(delivery)

    async def _look(self, key: Key) -> Delivery | None:
        """Decides what became of what waits of a purchase, by what was told so far; answers as `_decide`."""
        program_no, purchase_id = key

        async def work(connection: Connection) -> Delivery | None:
            program = await programs.by_no(connection, program_no)
            return await self._decide(connection, program, purchase_id, self._clock.now())

        return await self._database.run(work)

    async def _decide(
        self, connection: Connection, program: Program, purchase_id: str, now: datetime
    ) -> Delivery | None:
        """Keeps what became of what waits of a purchase; answers what brings it to the ledger."""
        found = await purchases.find(connection, program, purchase_id)
        if found is None:
            return None
        member = await members.hold(connection, program, found[0].member_id)
        found = await purchases.find(connection, program, purchase_id)  # again: now nobody else changes it
        assert found is not None, "purchases are not deleted"
        purchase, told = found[0], await awaited.told(connection, program, purchase_id)
        ended: dict[WaitState, list[Awaited]] = {}
        for one in purchase.awaited:
            if one.state is WaitState.WAITING:
                ended.setdefault(outcome(one.wait, told, now), []).append(one)
        if ended.pop(WaitState.WAITING, []):
            await awaited.wait_on(connection, program, purchase_id)
        if not ended:
            return None
        for state, credits_ in sorted(ended.items()):
            places = [one.place for one in credits_]
            await awaited.end(connection, program, purchase_id, state, now, places)
            if state is WaitState.TAKEN_BACK:
                await _take(connection, program, member, purchase, places, now)
            if any(one.wait.event for one in credits_):
                await publish(connection, award_wait_ended(program, purchase, credits_, state, now))
        actor = await awaited.actor(connection, program, purchase_id)
        return await deliver_later(connection, program, purchase, actor, self._deliveries.first_due_time())


async def _take(
    connection: Connection,
    program: Program,
    member: Member,
    purchase: Purchase,
    places: Collection[int],
    now: datetime,
) -> None:
    """Has nothing left of credits of an award, by their places: returns that come later take nothing of them."""
    before = await tranches.taken(connection, program, purchase.purchase_id)
    credits_, own = purchase.credits, purchase.own_credits
    beside = [before.get(place, 0) for place in range(1, len(credits_))]
    taken = [purchase.returned_points - sum(beside[: own - 1]), *beside]
    of_points = [place for place in places if place < own]
    losses = lost(credits_, taken, of_points, purchase.award.points - purchase.returned_points)
    points = sum(losses.values())
    losses |= {place: credits_[place] - taken[place] for place in places if place >= own}
    await purchases.take_back(
        connection, program, purchase.purchase_id, purchase.returned_amount, purchase.returned_points + points
    )
    parts = {place: loss for place, loss in losses.items() if place and loss}
    await tranches.insert(connection, program, purchase.purchase_id, "", parts)
    await take_off(connection, program, member, purchase, Taken(points), now)


def _check(event: PurchaseEvent, latest: datetime) -> None:
    violations = []
    if not is_id(event.event):
        violations.append(FieldViolation("purchase_event.event", ID_RULE))
    if not EPOCH <= event.event_time <= latest:
        violations.append(FieldViolation("purchase_event.event_time", "must be between 1970 and five minutes from now"))
    if violations:
        raise InvalidField(violations)


async def _require_same(connection: Connection, program: Program, event: PurchaseEvent) -> None:
    found = await awaited.find_event(connection, program, event.event_id)
    assert found is not None, "events are not deleted"
    if found[0] != event:
        pairs = zip(event._fields, found[0], event, strict=True)
        differing = [name for name, before, now in pairs if before != now]
        name = f"{program.name}/purchaseEvents/{event.event_id}"
        raise PurchaseEventDiffers(name, ",".join(differing).replace("purchase_id", "purchase"))
