"""What purchases give besides their own points: for referrals, personal offers and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.effects import plan_uses, segment_uses, within_campaigns
from membership.domain.members import Member
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.program import Program
from membership.domain.purchases import Bought
from membership.domain.rating import Rated
from membership.domain.rows import Row
from membership.domain.rulebooks import Rulebook
from membership.operations.completing import count_purchases
from membership.operations.counting import award_counts, keep_tallies
from membership.operations.qualifying import NOTHING, Rewards, qualify_purchases
from membership.store import campaigns, plan_periods, segments


async def qualify(
    connection: Connection,
    program: Program,
    by_id: dict[str, Member],
    rated: Sequence[Rated],
    row_at: dict[int, Row],
    now: datetime,
) -> Rewards:
    """Rewards the referrals that purchases qualify, and the personal offers that they complete. A purchase of anybody
    else pays a look at its member.
    """
    referred = [one.member_no for one in by_id.values() if one.referred]
    offered = [one.member_no for one in by_id.values() if one.offers_until is not None and one.offers_until >= now]
    if not referred and not offered:
        return NOTHING
    bought: dict[int, list[Bought]] = {}
    for entry, *_ in rated:
        one = Bought(row_at[entry.place].purchase_id, from_microseconds(entry.event_us), entry.amount)
        bought.setdefault(entry.member_no, []).append(one)
    by_referrals = await qualify_purchases(connection, program, referred, bought, now) if referred else NOTHING
    by_offers = await count_purchases(connection, program, offered, bought, now) if offered else NOTHING
    return Rewards.together([by_referrals, by_offers])


async def by_rules(
    connection: Connection,
    program: Program,
    book: Rulebook,
    by_id: dict[str, Member],
    rated: Sequence[Rated],
    row_at: dict[int, Row],
    now: datetime,
    actor: str,
) -> Rewards:
    """Gives the awards for counts that purchases reach, adds up what was bought within the windows of campaigns, and
    marks the periods of plans that rules gave something for.
    """
    await use_plans(connection, program, book, rated, now)
    if bought := within_campaigns(rated):
        await campaigns.count(connection, program, bought)
    await keep_tallies(connection, program, rated, row_at)
    return await award_counts(connection, program, by_id, rated, row_at, now, actor)


async def use_plans(
    connection: Connection, program: Program, book: Rulebook, rated: Sequence[Rated], now: datetime
) -> None:
    """Marks the periods in which rules gave something that look at the plan: themselves, as it was held at the
    purchase, or through segments, in which a member was by the plan that is held as it arrives, `now`.
    """
    uses = set(plan_uses(book, rated))
    if by_segments := list(segment_uses(book, rated)):
        looking = {one.segment_id for one in await segments.in_use(connection, program) if one.terms.of_plan}
        uses |= {
            (member_no, to_microseconds(now))
            for member_no, asked in by_segments
            if looking and (asked is None or asked & looking)
        }
    await plan_periods.use(connection, uses)
