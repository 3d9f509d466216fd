"""Recording a return: what it takes is decided by the purchase's frozen terms, then taken in the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import FieldViolation, InvalidField, NotFound
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.deliveries import Delivery, DuePurchase
from membership.domain.earning import AMOUNT_MAX
from membership.domain.errors import ReturnDiffers, ReturnExceedsPurchase
from membership.domain.moments import AHEAD_MAX, EPOCH
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Purchase, State
from membership.operations.deliveries import Deliveries
from membership.operations.events import return_recorded
from membership.operations.qualifying import take_back
from membership.operations.standings import take_off
from membership.store import deliveries, members, merges, purchases, returns


@dataclass(frozen=True, slots=True)
class Asked:
    """A return as it came in; the amount in minor units."""

    return_id: str
    purchase_id: str
    event_time: datetime
    amount: int


class Returns:
    """Returns of goods."""

    def __init__(self, database: Database, service: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._clock = clock

    async def record(
        self, program: Program, asked: Asked, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[GoodsReturn, Purchase, bool, bool]:
        """Records a return; answers it, its purchase, whether it was recorded before by another request, and whether
        this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such purchase.
            ReturnDiffers: the id was recorded with other facts.
            ReturnExceedsPurchase: more would have come back than was bought.
        """
        now = self._clock.now()
        _check(asked, now + AHEAD_MAX)
        delivery: Delivery | None = None

        async def work(connection: Connection) -> bytes:
            nonlocal delivery
            already, delivery = await self._record(connection, program, asked, now, actor)
            number = delivery.delivery_no if delivery else None
            return json.dumps({"already": already, "delivery": number}).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        told = json.loads(outcome)
        if replayed and told["delivery"] is not None:
            delivery = await self._deliveries.find(told["delivery"])
        if delivery is not None:
            await self._deliveries.try_to_deliver(delivery, within_s)
        async with self._database.acquire() as connection:
            goods_return = await returns.find(connection, program, asked.return_id)
            found = await purchases.find(connection, program, asked.purchase_id)
        assert goods_return is not None, "it was just recorded"
        assert found is not None, "a return refers to its purchase"
        return goods_return, found[0], told["already"], replayed

    async def _record(
        self, connection: Connection, program: Program, asked: Asked, now: datetime, actor: str
    ) -> tuple[bool, Delivery | None]:
        """Writes the return and what it comes to; answers whether it was there already."""
        found = await purchases.find(connection, program, asked.purchase_id)
        if found is None:
            raise NotFound(f"{program.name}/purchases/{asked.purchase_id}")
        member = await members.hold(connection, program, found[0].member_id)
        found = await purchases.find(connection, program, asked.purchase_id)  # again: now nobody else changes it
        assert found is not None, "purchases are not deleted"
        purchase = found[0]
        before = await returns.find(connection, program, asked.return_id)
        if before is not None:
            _require_same(program, before, asked)
            return True, None
        goods_return = _rated(program, purchase, asked, now)
        await returns.insert(connection, program, goods_return, actor)
        await purchases.take_back(
            connection, program, asked.purchase_id, goods_return.cumulative_amount, goods_return.cumulative_points
        )
        await publish(connection, return_recorded(program, purchase, goods_return, now))
        rewards = await take_back(connection, program, found[1], purchase, goods_return.cumulative_amount, now)
        await take_off(connection, program, member, purchase, goods_return)
        if not goods_return.points and not rewards.bonuses:
            return False, None
        if member.member_no != found[1]:
            await merges.wake(connection, found[1], now)
        unready = rewards.with_accounts_of([member] if member.state is State.PENDING else [])
        due = [_due(purchase)] if purchase.state is State.PENDING else []
        return_id = asked.return_id if goods_return.points else None
        number = await deliveries.insert(
            connection,
            program,
            actor,
            self._deliveries.first_due_time(),
            member_nos=[one.member_no for one in unready],
            purchase_ids=[one.purchase_id for one in due],
            return_id=return_id,
            bonus_ids=[one.bonus_id for one in rewards.bonuses],
        )
        return False, Delivery(number, program, actor, unready, due, return_id, rewards.bonuses)


def _check(asked: Asked, latest: datetime) -> None:
    violations = []
    if not EPOCH <= asked.event_time <= latest:
        violations.append(FieldViolation("goods_return.event_time", "must be between 1970 and five minutes from now"))
    if not 1 <= asked.amount <= AMOUNT_MAX:
        violations.append(FieldViolation("goods_return.amount.minor_units", "must be between 1 and 10^12"))
    if violations:
        raise InvalidField(violations)


def _rated(program: Program, purchase: Purchase, asked: Asked, now: datetime) -> GoodsReturn:
    """The return with what it takes: what all returns take by the frozen terms, less what was taken before."""
    returned = purchase.returned_amount + asked.amount
    if returned > purchase.amount:
        raise ReturnExceedsPurchase(purchase.amount, purchase.returned_amount, asked.amount)
    taken = program.terms[purchase.level].taken(purchase.amount, returned)
    points = taken - purchase.returned_points
    return GoodsReturn(
        return_id=asked.return_id,
        purchase_id=asked.purchase_id,
        event_time=asked.event_time,
        record_time=now,
        amount=asked.amount,
        points=points,
        cumulative_amount=returned,
        cumulative_points=taken,
        state=State.PENDING if points else State.POSTED,
        reversed_points=0,
    )


def _require_same(program: Program, before: GoodsReturn, asked: Asked) -> None:
    known = Asked(before.return_id, before.purchase_id, before.event_time, before.amount)
    if known != asked:
        differing = [
            name for name in ("purchase_id", "event_time", "amount") if getattr(known, name) != getattr(asked, name)
        ]
        raise ReturnDiffers(f"{program.name}/returns/{asked.return_id}", ",".join(differing))


def _due(purchase: Purchase) -> DuePurchase:
    assert purchase.spot is not None, "what is PENDING has a delivery"
    return DuePurchase(
        purchase.purchase_id,
        purchase.member_id,
        purchase.event_time,
        purchase.record_time,
        purchase.award.points,
        purchase.expire_time,
        purchase.spot,
    )
