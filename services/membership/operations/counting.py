"""Rules that count: what they count of new purchases, the awards that are reached, and what returns undo of both. In
the transaction that records the purchase or the return, under the lock on the member's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from guerdon_kit.events import publish
from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.clawbacks import CameBack, kept
from membership.domain.counting import Key, keys
from membership.domain.gifts import NewGift, for_count, gift_of_count
from membership.domain.late_counts import Award, Step
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, Purchase
from membership.domain.rating import Entry, Rated
from membership.domain.rows import Row
from membership.domain.rulebooks import Rulebook
from membership.domain.rules import Count
from membership.domain.sliding import expire_time
from membership.domain.tallies import Counting, Given, Into, Tally, fall, number_of
from membership.domain.tranches import available_time
from membership.operations.events import count_fallen, count_reached
from membership.operations.qualifying import NOTHING, Rewards, revoke
from membership.operations.sliding import spans_of
from membership.store import bonuses, counts, gifts
from membership.store.counts import CountedPurchase


async def counted_before(connection: Connection, book: Rulebook, entries: Sequence[Entry]) -> dict[Key, Counting]:
    """What rules have counted of the members of purchases."""
    wanted = keys(book, entries)
    return await counts.of_members(connection, wanted) if wanted else {}


async def keep_counted(connection: Connection, before: Mapping[Key, Counting], after: Mapping[Key, Counting]) -> None:
    """Writes what is counted of members, where that is something else now."""
    changed = {key: value for key, value in after.items() if value != before.get(key)}
    if changed:
        await counts.write(connection, changed)


async def keep_tallies(
    connection: Connection, program: Program, rated: Sequence[Rated], row_at: Mapping[int, Row]
) -> None:
    """Writes what was counted with purchases."""
    if counted := [one for _, one in _counted(rated, row_at)]:
        await counts.insert(connection, program, counted)


async def award_counts(
    connection: Connection,
    program: Program,
    by_id: Mapping[str, Member],
    rated: Sequence[Rated],
    row_at: Mapping[int, Row],
    now: datetime,
    actor: str,
) -> Rewards:
    """Gives the awards that were reached with purchases and are not given yet."""
    reached = [(rated_, one) for rated_, one in _counted(rated, row_at) if one.tally.reached_with]
    if not reached:
        return NOTHING
    awards_of = [award for _, one in reached for award in counts.awards_of(one)]
    numbers = await counts.give(connection, program, awards_of)
    who = {member.member_no: member.member_id for member in by_id.values()}
    spans = await spans_of(connection, program, [one.member_no for _, one in reached])
    wanted, rewards = list[Bonus](), list[NewGift]()
    for rated_, one in reached:
        awards = [(numbers[award].pop(), award.points) for award in counts.awards_of(one)]
        rule_id, event_time = _rule_id(rated_, one.tally), from_microseconds(rated_.entry.event_us)
        member_id, into = who[one.member_no], _into(rated_, one.tally)
        await publish(connection, count_reached(program, member_id, rule_id, one.purchase_id, one.tally, into, now))
        if into.reward:
            rewards += [for_count(no, one.purchase_id, rule_id, into.reward, one.member_no) for no, _ in awards]
            continue
        expires = None if into.unit else expire_time(program, None, spans.get(one.member_no), event_time)
        wanted += [
            Bonus(
                bonus_id(no),
                one.member_no,
                member_id,
                points,
                event_time,
                now,
                expires,
                f"Reached: {rule_id}",
                available_time=available_time(program, event_time),
                unit=into.unit,
            )
            for no, points in awards
            if points
        ]
    await gifts.insert(connection, program, rewards, now, actor)
    return Rewards(await bonuses.insert(connection, program, wanted, now), ())


async def lower_counts(
    connection: Connection, program: Program, member: Member, purchase: Purchase, back: CameBack, now: datetime
) -> tuple[Rewards, tuple[Step, ...]]:
    """Counts less for all that came back of a purchase, and takes back the awards that it does not reach; answers also
    what that did to the counts.
    """
    terms = purchase.terms
    if not isinstance(terms, FrozenTerms) or not purchase.tallies:
        return NOTHING, ()
    left, revoked, steps = kept(terms.parts, back), list[str](), list[Step]()
    by_no = {term.rule_no: term for term in terms.counts}
    standing = await counts.of_members(connection, [(member.member_no, tally.rule_no) for tally in purchase.tallies])
    for tally in purchase.tallies:
        counts_now = number_of(by_no[tally.rule_no], pieces=tally.count.pieces, kept=left)
        if counts_now >= tally.counts:
            continue
        await counts.lower(connection, program, purchase.purchase_id, tally.rule_no, counts_now)
        key = (member.member_no, tally.rule_no)
        lower = standing[key]._replace(counted=standing[key].counted - (tally.counts - counts_now))
        fallen = await _settle(connection, key, tally.count, lower, purchase.purchase_id)
        awards = tuple(Award(one.purchase_id, one.points) for one in fallen)
        steps.append(Step(tally.rule_no, counts_now - tally.counts, standing[key].owed, (), awards))
        if fallen and terms.into(tally.rule_no).reward:
            await gifts.take_back(connection, program, [gift_of_count(one.award_no) for one in fallen], now)
        elif fallen:
            revoked += [bonus_id(one.award_no) for one in fallen]
        if fallen:
            rule_id = by_no[tally.rule_no].rule_id
            await publish(connection, count_fallen(program, member.member_id, rule_id, purchase, len(fallen), now))
    return await revoke(connection, program, revoked, now) if revoked else NOTHING, tuple(steps)


async def merge_counts(connection: Connection, program: Program, into: Member, now: datetime) -> Rewards:
    """Takes back the awards that two who are one person have twice: those of rules that do not begin anew."""
    fallen: list[int] = []
    for key, (count_, standing) in (await counts.with_rules(connection, program, into.member_no)).items():
        if standing.reached > count_.due(standing.counted):
            fallen += [one.award_no for one in await _settle(connection, key, count_, standing, "")]
    await gifts.take_back(connection, program, [gift_of_count(one) for one in fallen], now)
    return await revoke(connection, program, [bonus_id(one) for one in fallen], now) if fallen else NOTHING


async def _settle(connection: Connection, key: Key, by: Count, standing: Counting, purchase_id: str) -> list[Given]:
    """Writes what is counted after a purchase came back, or after a merge; answers the awards that fall by it."""
    excess = max(0, standing.reached - by.due(standing.counted))
    given = await counts.may_fall(connection, key, purchase_id, excess) if excess else []
    taken, left = fall(by, standing, given, purchase_id)
    await counts.write(connection, {key: left})
    if taken:
        await counts.take_back(connection, taken)
    return [one for one in given if one.award_no in taken]


def _counted(rated: Sequence[Rated], row_at: Mapping[int, Row]) -> list[tuple[Rated, CountedPurchase]]:
    return [
        (one, CountedPurchase(row_at[one.entry.place].purchase_id, one.entry.member_no, tally))
        for one in rated
        for tally in one.tallies
    ]


def bonus_id(award_no: int) -> str:
    """The bonus of an award for a count."""
    return f"c-{award_no}"


def _into(one: Rated, tally: Tally) -> Into:
    assert one.frozen is not None, "what is counted is frozen"
    return one.frozen.into(tally.rule_no)


def _rule_id(one: Rated, tally: Tally) -> str:
    assert one.frozen is not None, "what is counted is frozen"
    return next(term.rule_id for term in one.frozen.counts if term.rule_no == tally.rule_no)
