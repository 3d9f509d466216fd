"""What late events change of awards: written with what they were and became, and brought to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.deliveries import Delivery
from membership.domain.late import Moment, Rerated
from membership.domain.late_changes import AwardChange, split, taker
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Purchase, State
from membership.domain.tranches import Times, times
from membership.operations.events import award_changed
from membership.operations.qualifying import NOTHING, Rewards
from membership.operations.sliding import spans_of
from membership.store import deliveries, expiry_watches, late_changes, purchases, ratings
from membership.store.late_changes import Kept, NewChange


class Changed(NamedTuple):
    """What is to be brought to the ledger: changes, after the awards of purchases that they take from, and bonuses."""

    purchase_ids: Sequence[str] = ()
    change_ids: Sequence[str] = ()
    rewards: Rewards = NOTHING


async def change_awards(
    connection: Connection, program: Program, rerated: Sequence[tuple[Member, Moment, Rerated]], now: datetime
) -> Changed:
    """Writes what recorded purchases are rated now, by reason of what happened to their members at a moment."""
    spans = await spans_of(connection, program, {member.member_no for member, _, _ in rerated})
    earned = {
        one.purchase.purchase_id: times(program, None, one.purchase.event_time, spans.get(member.member_no))
        for member, _, one in rerated
    }
    await _rerate(connection, program, [one for _, _, one in rerated], earned)
    moved = [
        (member, moment, one)
        for member, moment, one in rerated
        if (one.points, one.returned_points) != (one.purchase.award.points, one.purchase.returned_points)
    ]
    if not moved:
        return Changed()
    before = await late_changes.of_purchases(connection, program, [one.purchase.purchase_id for _, _, one in moved])
    new: list[NewChange] = []
    for member, moment, one in moved:
        number = len(before.get(one.purchase.purchase_id, ())) + 1
        change = _change(moment, one, number, earned[one.purchase.purchase_id].expire_time, now)
        new.append(NewChange(change, number, member.member_no, _state(change, now)))
    await late_changes.insert(connection, program, new, now)
    parts = {
        taker(one.change.change_id): _shared(-one.change.difference, before.get(one.change.purchase_id, ()))
        for one in new
        if one.change.difference < 0
    }
    await late_changes.insert_parts(connection, program, parts)
    more = ((one.member_no, one.change.expire_time) for one in new if one.change.difference > 0)
    await expiry_watches.watch(connection, program, more, now)
    await publish(
        connection,
        *(award_changed(program, member, one.change, now) for (member, _, _), one in zip(moved, new, strict=True)),
    )
    taken_from = {change_id for some in parts.values() for change_id in some}
    pending = [kept.change.change_id for some in before.values() for kept in some if kept.pending]
    return Changed(
        [one.purchase.purchase_id for _, _, one in moved if one.purchase.state is State.PENDING],
        [*(one for one in pending if one in taken_from), *(one.change.change_id for one in new)],
    )


async def share_return(
    connection: Connection, program: Program, purchase: Purchase, goods_return: GoodsReturn
) -> Sequence[str]:
    """Writes what a return takes of what late changes gave; answers those that the ledger has to have before."""
    before = (await late_changes.of_purchases(connection, program, [purchase.purchase_id])).get(purchase.purchase_id)
    if not before or not goods_return.points:
        return ()
    parts = _shared(goods_return.points, before)
    await late_changes.insert_parts(connection, program, {f"r-{goods_return.return_id}": parts})
    return [one.change.change_id for one in before if one.pending and one.change.change_id in parts]


async def bring_along(connection: Connection, delivery: Delivery | None, changed: Changed) -> Delivery | None:
    """Has a delivery bring changes, too, where there are any; answers it as it is then."""
    if delivery is None or not changed.change_ids:
        return delivery
    await deliveries.add(connection, delivery.delivery_no, changed.purchase_ids, changed.change_ids)
    return await deliveries.find(connection, delivery.delivery_no)


async def _rerate(
    connection: Connection, program: Program, rerated: Sequence[Rerated], earned: dict[str, Times]
) -> None:
    # The ledger was asked for an award with its times: only a purchase that earned nothing has none yet.
    rated = [
        (
            one.purchase,
            one.rated,
            one.returned_points,
            earned[one.purchase.purchase_id] if one.points and not one.purchase.award.points else _times(one.purchase),
        )
        for one in rerated
        if one.rated is not None
    ]
    if rated:
        await purchases.rerate(connection, program, rated)
    frozen = [(purchase.purchase_id, one.level, one.frozen) for purchase, one, _, _ in rated if one.frozen is not None]
    if frozen:
        await ratings.rerate(connection, program, frozen)
    for one in rerated:
        if one.rated is None:  # its returns came in another order
            purchase = one.purchase
            await purchases.take_back(
                connection, program, purchase.purchase_id, purchase.returned_amount, one.returned_points
            )


def _change(moment: Moment, one: Rerated, number: int, expire_time: datetime | None, now: datetime) -> AwardChange:
    purchase = one.purchase
    return AwardChange(
        change_id=f"{purchase.purchase_id}.{number}",
        purchase_id=purchase.purchase_id,
        late_purchase_id=moment.purchase_id,
        late_return_id=moment.return_id,
        record_time=now,
        points_before=purchase.award.points,
        points_after=one.points,
        returned_before=purchase.returned_points,
        returned_after=one.returned_points,
        expire_time=expire_time,
    )


def _state(change: AwardChange, now: datetime) -> State:
    if change.difference > 0 and change.expire_time is not None and change.expire_time <= now:
        return State.LAPSED
    return State.PENDING if change.difference else State.POSTED


def _times(purchase: Purchase) -> Times:
    return Times(purchase.available_time, purchase.expire_time)


def _shared(points: int, before: Sequence[Kept]) -> dict[str, int]:
    return split(points, [(one.change.change_id, one.unspent) for one in before])
