"""How far purchases bring personal offers, and what their returns take off again: in the transaction of the purchase or
the return, under the lock on the member's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.offers import PersonalOffer, counted
from membership.domain.program import Program
from membership.domain.purchases import Bought, Purchase
from membership.domain.sliding import Span, expire_time
from membership.operations.offer_events import offer_completed, offer_reopened
from membership.operations.qualifying import NOTHING, Rewards, revoke
from membership.operations.sliding import spans_of
from membership.store import bonuses, members, offers


async def count_purchases(
    connection: Connection,
    program: Program,
    member_nos: Sequence[int],
    bought: Mapping[int, Sequence[Bought]],
    now: datetime,
) -> Rewards:
    """Counts purchases recorded now, by their members' numbers, for what members have received, in the order of their
    times.
    """
    every = list(counted(await offers.counting(connection, member_nos, now), bought))
    if every:
        await offers.count(connection, program, [(one, offer) for offer, _, ids in every for one in ids])
    moved = [after for before, after, _ in every if after != before]
    if moved:
        await offers.advance(connection, moved)
    return await _award(connection, program, [after for before, after, _ in every if after.awards > before.awards], now)


async def uncount(
    connection: Connection, program: Program, purchase: Purchase, returned: int, now: datetime
) -> Rewards:
    """Counts a purchase as what is left of it, after `returned` in all, for what it counted for; takes back the awards
    that rest on more.
    """
    before, left = purchase.amount - purchase.returned_amount, purchase.amount - returned
    were = await offers.counted(connection, program, purchase.purchase_id)
    now_are = [one.counting(before, left, purchase.event_time) for one in were]
    moved = [(was, one) for was, one in zip(were, now_are, strict=True) if one != was]
    if not moved:
        return NOTHING
    await offers.advance(connection, [one for _, one in moved])
    fallen = [was for was, one in moved if one.complete_time is None and was.complete_time and not was.held_out]
    await publish(connection, *(offer_reopened(program, one, now) for one in fallen))
    return await revoke(connection, program, [one.bonus_id for one in fallen], now)


async def _award(
    connection: Connection, program: Program, completed: Sequence[PersonalOffer], now: datetime
) -> Rewards:
    """Gives what completed offers give, but for those that were held back."""
    awarded = [one for one in completed if not one.held_out]
    if not awarded:
        return NOTHING
    await publish(connection, *(offer_completed(program, one, now) for one in awarded))
    spans = await spans_of(connection, program, [one.member_no for one in awarded])
    given = [_bonus(program, one, spans.get(one.member_no), now) for one in awarded]
    due = await bonuses.insert(connection, program, given, now)
    return Rewards(due, await members.due(connection, [one.member_no for one in due]) if due else ())


def _bonus(program: Program, one: PersonalOffer, span: Span | None, now: datetime) -> Bonus:
    assert one.complete_time is not None, "what is awarded is completed"
    return Bonus(
        one.bonus_id,
        one.member_no,
        one.member_id,
        one.terms.points,
        one.complete_time,
        now,
        expire_time(program, one.terms.expiry, span, one.complete_time),
        f"Offer {one.offer_id} completed",
    )
