"""Recording a return: what it takes is decided by the purchase's frozen terms, then taken in the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, FieldViolation, InvalidField
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import freeze, once, thaw
from membership.domain.baskets import LINES_MAX, QUANTITY_MAX
from membership.domain.clawbacks import Asked, CameBack, check, cumulative, keeps_something, kept, together
from membership.domain.deliveries import Delivery, DuePurchase
from membership.domain.earning import AMOUNT_MAX
from membership.domain.errors import LineNotReturnable, ReturnDiffers, ReturnExceedsPurchase
from membership.domain.gifts import gift_of_rule
from membership.domain.moments import AHEAD_MAX, EPOCH
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, GoodsReturn, Purchase, State
from membership.domain.waiting_returns import next_look
from membership.operations.completing import uncount
from membership.operations.counting import lower_counts
from membership.operations.deliveries import Deliveries
from membership.operations.events import return_recorded, return_unmatched
from membership.operations.late import put_return
from membership.operations.late_changes import Changed, bring_along
from membership.operations.qualifying import Rewards, take_back
from membership.operations.segments import uncount_bought
from membership.operations.standings import Taken, take_off
from membership.operations.tranches import share_out
from membership.store import (
    campaigns,
    deliveries,
    gifts,
    members,
    merges,
    programs,
    purchases,
    returns,
    waiting_returns,
)
from membership.store.waiting_returns import Key, Waiting


class Returns:
    """Returns of goods."""

    def __init__(self, database: Database, service: Deliveries, clock: Clock) -> None:
        self._database = database
        self._deliveries = service
        self._clock = clock

    async def record(
        self, program: Program, asked: Asked, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[GoodsReturn, Purchase | None, bool, bool]:
        """Records a return; answers it, its purchase if that has arrived, whether it was recorded before by another
        request, and whether this is a replay.

        Raises:
            InvalidField: a field is out of its bounds.
            ReturnDiffers: the id was recorded with other facts.
            ReturnExceedsPurchase, LineNotReturnable: more would have come back than was bought.
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
        goods_return, purchase = await self._read(program, asked.return_id)
        return goods_return, purchase, told["already"], replayed

    async def advance(self, key: Key) -> None:
        """Records a return that waited, if its purchase has arrived; else it waits on, or no more. Where recording is
        refused, as when more would have come back than was bought, the refusal is kept, and whoever sends the return
        again learns it.

        Raises:
            OutcomeUnknown, DeliveryRefused: the points are not taken back yet; the delivery is taken up again.
        """
        program_no, return_id = key
        now = self._clock.now()
        delivery: Delivery | None = None

        async def work(connection: Connection) -> None:
            nonlocal delivery
            delivery = None
            waiting = await waiting_returns.hold(connection, key)
            if waiting is None:
                return
            program = await programs.by_no(connection, program_no)
            if await purchases.find(connection, program, waiting.asked.purchase_id) is None:
                await _wait_on(connection, program, key, waiting, now)
            else:
                _, delivery = await self._record(connection, program, waiting.asked, now, waiting.actor)

        async def refuse(connection: Connection, refusal: DomainError) -> None:
            program = await programs.by_no(connection, program_no)
            await waiting_returns.end(connection, program, return_id, freeze(refusal))

        try:
            await self._database.run(work)
        except (ReturnDiffers, ReturnExceedsPurchase, LineNotReturnable) as error:
            refusal = error
            await self._database.run(lambda connection: refuse(connection, refusal))
            return
        if delivery is not None:
            await self._deliveries.deliver(delivery)

    async def _read(self, program: Program, return_id: str) -> tuple[GoodsReturn, Purchase | None]:
        async with self._database.acquire() as connection:
            goods_return = await returns.find(connection, program, return_id)
            if goods_return is not None:
                found = await purchases.find(connection, program, goods_return.purchase_id)
                assert found is not None, "a return refers to its purchase"
                return goods_return, found[0]
            waiting = await waiting_returns.find(connection, program, return_id)
        if waiting is None:  # recorded between the two statements
            return await self._read(program, return_id)
        if waiting.refusal is not None:
            raise thaw(waiting.refusal)
        return _waiting(waiting), None

    async def _record(
        self, connection: Connection, program: Program, asked: Asked, now: datetime, actor: str
    ) -> tuple[bool, Delivery | None]:
        """Writes the return and what it comes to; answers whether it was there already."""
        found = await purchases.find(connection, program, asked.purchase_id)
        if found is None:
            return await self._wait(connection, program, asked, now, actor), None
        member = await members.hold(connection, program, found[0].member_id)
        found = await purchases.find(connection, program, asked.purchase_id)  # again: now nobody else changes it
        assert found is not None, "purchases are not deleted"
        purchase = found[0]
        await waiting_returns.delete(connection, program, asked.return_id)
        before = await returns.find(connection, program, asked.return_id)
        if before is not None:
            _require_same(program, _recorded(before), asked)
            return True, None
        came_back = await returns.came_back(connection, program, asked.purchase_id)
        goods_return = _rated(program, purchase, came_back, asked, now)
        beside, tranches = await share_out(
            connection, program, purchase, together(came_back, asked), asked.return_id, goods_return.points
        )
        await _take_gifts(connection, program, purchase, together(came_back, asked), now)
        if beside:
            goods_return = replace(goods_return, state=State.PENDING)
        await returns.insert(connection, program, goods_return, actor)
        await purchases.take_back(
            connection, program, asked.purchase_id, goods_return.cumulative_amount, goods_return.cumulative_points
        )
        if isinstance(purchase.terms, FrozenTerms) and purchase.terms.campaigns:
            await campaigns.take_back(connection, program, purchase.terms.campaigns, found[1], goods_return.amount)
        await publish(connection, return_recorded(program, purchase, goods_return, now))
        returned = goods_return.cumulative_amount
        rewards = await take_back(connection, program, member.member_no, purchase, returned, now)
        if member.offers_until is not None:
            rewards = Rewards.together([rewards, await uncount(connection, program, purchase, returned, now)])
        rewards = Rewards.together([rewards, Rewards(tranches, ())])
        terms, after = purchase.terms, together(came_back, asked)
        left = [keeps_something(terms, purchase.amount, back) for back in (came_back, after)]
        visit = left == [True, False]
        taken = Taken(goods_return.points, goods_return.amount, nothing_left=visit)
        await take_off(connection, program, member, purchase, taken, now)
        await uncount_bought(connection, program, member, purchase, goods_return, nothing_left=visit)
        if program.has_timelines:
            changed = await put_return(
                connection, program, member, purchase, goods_return, after, actor, nothing_left=visit
            )
        else:
            counted, _ = await lower_counts(connection, program, member, purchase, after, now)
            changed = Changed(rewards=counted)
        rewards = Rewards.together([rewards, changed.rewards])
        takes = beside or goods_return.points > 0
        if not takes and not rewards.bonuses and not changed.change_ids:
            return False, None
        if member.member_no != found[1]:
            await merges.wake(connection, found[1], now)
        unready = rewards.with_accounts_of([member] if member.state is State.PENDING else [])
        due = [due_of(purchase)] if purchase.state is State.PENDING else []
        return_id = asked.return_id if takes else None
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
        delivery = Delivery(number, program, actor, unready, due, return_id, rewards.bonuses)
        return False, await bring_along(connection, delivery, changed)

    async def _wait(self, connection: Connection, program: Program, asked: Asked, now: datetime, actor: str) -> bool:
        """Has a return wait for its purchase; answers whether it does already."""
        before = await waiting_returns.find(connection, program, asked.return_id)
        if before is None:
            await waiting_returns.insert(connection, program, asked, now, actor)
            return False
        _require_same(program, before.asked, asked)
        return True


async def _take_gifts(
    connection: Connection, program: Program, purchase: Purchase, after: CameBack, now: datetime
) -> None:
    """Has rewards called off whose rules do not give them for what is kept after all of `after` is back."""
    terms = purchase.terms
    if isinstance(terms, FrozenTerms) and terms.rewards:
        rest = kept(terms.parts, after)
        gone = [gift_of_rule(purchase.purchase_id, one.term.rule_id) for one in terms.rewards if not one.gives(rest)]
        await gifts.take_back(connection, program, gone, now)


async def _wait_on(connection: Connection, program: Program, key: Key, waiting: Waiting, now: datetime) -> None:
    """Has a return whose purchase has not arrived looked at later, or wait no more."""
    again = next_look(waiting.record_time, now, program.settings.return_wait_days)
    if again is not None:
        await waiting_returns.put_off(connection, key, again)
        return
    await waiting_returns.end(connection, program, waiting.asked.return_id, None)
    await publish(connection, return_unmatched(program, waiting.asked, now))


def _check(asked: Asked, latest: datetime) -> None:
    violations = []
    if not EPOCH <= asked.event_time <= latest:
        violations.append(FieldViolation("goods_return.event_time", "must be between 1970 and five minutes from now"))
    if (asked.amount != 0) + bool(asked.lines) + asked.whole != 1:
        violations.append(FieldViolation("goods_return.amount", "is needed, or lines, or whole_order: one of them"))
    if not 0 <= asked.amount <= AMOUNT_MAX:
        violations.append(FieldViolation("goods_return.amount.minor_units", "must be between 1 and 10^12"))
    if len(asked.lines) > LINES_MAX or len(dict(asked.lines)) < len(asked.lines):
        violations.append(FieldViolation("goods_return.lines", f"must be at most {LINES_MAX}, of different line_ids"))
    if not all(1 <= quantity <= QUANTITY_MAX for _, quantity in asked.lines):
        violations.append(FieldViolation("goods_return.lines", "must each have a quantity between 1 and 10,000"))
    if violations:
        raise InvalidField(violations)


def _rated(program: Program, purchase: Purchase, before: CameBack, asked: Asked, now: datetime) -> GoodsReturn:
    """The return with what it takes: what all returns take by the frozen terms, less what was taken before."""
    # What cost nothing may come back when all the money has: it may have earned.
    if asked.amount > purchase.amount - purchase.returned_amount or not keeps_something(
        purchase.terms, purchase.amount, before
    ):
        raise ReturnExceedsPurchase(purchase.amount, purchase.returned_amount, asked.amount)
    terms, mild, after = purchase.terms, program.settings.mild_returns, together(before, asked)
    check(terms.basket if isinstance(terms, FrozenTerms) else None, before, asked)
    returned, taken_now = cumulative(terms, purchase.amount, after, mild=mild, lost=purchase.lost)
    taken_now = max(taken_now, purchase.returned_points)
    points = taken_now - purchase.returned_points
    return GoodsReturn(
        return_id=asked.return_id,
        purchase_id=asked.purchase_id,
        event_time=asked.event_time,
        record_time=now,
        amount=returned - purchase.returned_amount,
        points=points,
        cumulative_amount=returned,
        cumulative_points=taken_now,
        state=State.PENDING if points else State.POSTED,
        reversed_points=0,
        lines=asked.lines,
        whole=asked.whole,
    )


def _waiting(waiting: Waiting) -> GoodsReturn:
    asked = waiting.asked
    return GoodsReturn(
        return_id=asked.return_id,
        purchase_id=asked.purchase_id,
        event_time=asked.event_time,
        record_time=waiting.record_time,
        amount=asked.amount,
        points=0,
        cumulative_amount=0,
        cumulative_points=0,
        state=State.UNMATCHED if waiting.unmatched else State.WAITING,
        reversed_points=0,
        lines=asked.lines,
        whole=asked.whole,
    )


def _recorded(before: GoodsReturn) -> Asked:
    """A recorded return as it came in."""
    by_amount = not before.lines and not before.whole
    return Asked(
        before.return_id,
        before.purchase_id,
        before.event_time,
        before.amount if by_amount else 0,
        before.lines,
        before.whole,
    )


def _require_same(program: Program, before: Asked, asked: Asked) -> None:
    if before != asked:
        fields = ("purchase_id", "event_time", "amount", "lines", "whole")
        differing = [name for name in fields if getattr(before, name) != getattr(asked, name)]
        raise ReturnDiffers(f"{program.name}/returns/{asked.return_id}", ",".join(differing))


def due_of(purchase: Purchase) -> DuePurchase:
    """A PENDING purchase, as it has to be brought to the ledger."""
    assert purchase.spot is not None, "what is PENDING has a delivery"
    return DuePurchase(
        purchase.purchase_id,
        purchase.member_id,
        purchase.event_time,
        purchase.record_time,
        purchase.award.points if purchase.credited_points is None else purchase.credited_points,
        purchase.expire_time,
        purchase.spot,
        purchase.available_time,
        held=purchase.awaits_event or (purchase.flag is not None and purchase.flag.state.asked_pending),
    )
