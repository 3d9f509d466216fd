"""Segments: made, changed, archived, and asked which members are in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.endings import ended
from membership.domain.errors import SegmentArchived, TooManySegments
from membership.domain.members import Member
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.plans import Period
from membership.domain.profiles import NOTHING_KNOWN
from membership.domain.program import Program
from membership.domain.purchases import GoodsReturn, Purchase
from membership.domain.rating import BoughtBefore, Entry, Rated
from membership.domain.rulebooks import Rulebook, together
from membership.domain.segments import (
    SEGMENTS_MAX,
    BoughtInYear,
    Known,
    Segment,
    SegmentTerms,
    about,
    violations,
)
from membership.operations.plan_periods import asked_of_plans, held_plans
from membership.operations.standings import read
from membership.store import members, profiles, segments


class Segments:
    """Segments."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, program: Program, segment_id: str, terms: SegmentTerms, fingerprint: Fingerprint, actor: str
    ) -> bool:
        """Makes a segment; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept, or the condition does not compile.
            AlreadyExists: the id is taken.
            TooManySegments: the program has as many as it can have.
        """
        _check(program, segment_id, terms)

        async def work(connection: Connection) -> bytes:
            count = await segments.hold(connection, program)
            if await segments.find(connection, program, segment_id) is not None:
                raise AlreadyExists(segment_name(program, segment_id))
            if count >= SEGMENTS_MAX:
                raise TooManySegments(SEGMENTS_MAX)
            await segments.insert(connection, program, segment_id, terms, self._clock.now(), actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def update(
        self, program: Program, segment_id: str, terms: SegmentTerms, fingerprint: Fingerprint, actor: str
    ) -> bool:
        """Changes a segment; answers whether this is a replay.

        Raises:
            InvalidField: a bound is not kept, or the condition does not compile.
            NotFound: there is no such segment.
            SegmentArchived: it is archived.
        """
        _check(program, segment_id, terms)

        async def work(connection: Connection) -> bytes:
            await segments.hold(connection, program)
            await in_use(connection, program, segment_id)
            await segments.update(connection, program, segment_id, terms, self._clock.now(), actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def archive(self, program: Program, segment_id: str, fingerprint: Fingerprint, actor: str) -> bool:
        """Archives a segment; answers whether this is a replay.

        Raises:
            NotFound: there is no such segment.
        """

        async def work(connection: Connection) -> bytes:
            await _find(connection, program, segment_id)
            await segments.archive(connection, program, segment_id, self._clock.now(), actor)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def get(self, program: Program, segment_id: str) -> Segment:
        """A segment.

        Raises:
            NotFound: there is none.
        """
        async with self._database.acquire() as connection:
            return await _find(connection, program, segment_id)

    async def page(self, program: Program, after: str, most: int) -> list[Segment]:
        """Segments in the order of their ids, from behind `after`."""
        async with self._database.acquire() as connection:
            return await segments.page(connection, program, after, most)

    async def of_member(self, program: Program, member_id: str) -> list[str]:
        """The ids of the segments that a member is in now.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
        """
        async with self._database.acquire() as connection:
            member = await members.find(connection, program, member_id)
            if member is None:
                raise NotFound(f"{program.name}/members/{member_id}")
            why = ended(program, member)
            if why is not None:
                raise why
            every = await segments.in_use(connection, program)
            [known] = await learn(connection, program, [member], self._clock.now())
        facts = about(program, known, self._clock.now())
        return [one.segment_id for one in every if one.terms.holds(facts)]


async def learn(connection: Connection, program: Program, found: Sequence[Member], now: datetime) -> list[Known]:
    """What segments may look at of members, as it is now."""
    member_nos = [member.member_no for member in found]
    year = program.calendar.year_at(now)
    points = await members.years(connection, member_nos, [year - 1, year])
    standings = await read(connection, program, found, now)
    known = await profiles.of(connection, member_nos)
    bought = await segments.bought(connection, member_nos) if program.settings.purchase_statistics else {}
    plans = await held_plans(connection, member_nos, now)
    return [
        Known(
            member=one,
            tier_id=standings[one.member_no].tier_id,
            points=(points.get((one.member_no, year), 0), points.get((one.member_no, year - 1), 0)),
            profile=known.get(one.member_no, NOTHING_KNOWN),
            bought=bought.get(one.member_no, ()),
            plan_id=plans[one.member_no].plan_id if one.member_no in plans else "",
        )
        for one in found
    ]


async def asked_by_rules(
    connection: Connection,
    program: Program,
    book: Rulebook,
    entries: Sequence[Entry],
    by_no: Mapping[int, Member],
    now: datetime,
) -> tuple[dict[int, BoughtBefore], dict[int, list[str]], dict[int, list[Period]]]:
    """What the members of purchases bought before, the segments that they are in now, and their periods of plans, by
    their numbers; as far as the rules in force at the purchases ask. Of segments that no condition names nobody is
    known to be a member.
    """
    before: dict[int, BoughtBefore] = {}
    inside: dict[int, list[str]] = {}
    met = [(entry.member_no, book.at(entry.event_us)) for entry in entries]
    if buyers := sorted({member_no for member_no, rules in met if rules.asks_purchases}):
        bought = await segments.bought(connection, buyers)
        before = {member_no: _before(bought.get(member_no, ())) for member_no in buyers}
    if who := sorted({member_no for member_no, rules in met if rules.asks_segments != frozenset()}):
        named = together(rules.asks_segments for _, rules in met)
        every = [one for one in await segments.in_use(connection, program) if named is None or one.segment_id in named]
        for known in await learn(connection, program, [by_no[member_no] for member_no in who], now):
            facts = about(program, known, now)
            inside[known.member.member_no] = [one.segment_id for one in every if one.terms.holds(facts)]
    return before, inside, await asked_of_plans(connection, book, entries)


def _before(years: Sequence[BoughtInYear]) -> BoughtBefore:
    last = max((to_microseconds(one.last_time) for one in years), default=None)
    return BoughtBefore(sum(one.purchases for one in years), sum(one.spend for one in years), last)


async def in_use(connection: Connection, program: Program, segment_id: str) -> Segment:
    """A segment that is not archived.

    Raises:
        NotFound: there is no such segment.
        SegmentArchived: it is archived.
    """
    found = await _find(connection, program, segment_id)
    if found.archived:
        raise SegmentArchived(segment_name(program, segment_id))
    return found


async def count_bought(connection: Connection, program: Program, rated: Iterable[Rated]) -> None:
    """Counts purchases for rules and segments to look at, if the program does. The writer holds the members' rows."""
    if not program.settings.purchase_statistics:
        return
    sums: dict[tuple[int, int], tuple[int, int, int]] = {}
    for one in rated:
        entry = one.entry
        key = (entry.member_no, program.calendar.year_of(entry.event_us // 1_000_000))
        purchases, spend, last_us = sums.get(key, (0, 0, 0))
        sums[key] = (purchases + 1, spend + entry.amount, max(last_us, entry.event_us))
    bought: dict[int, list[BoughtInYear]] = {}
    for (member_no, year), (purchases, spend, last_us) in sorted(sums.items()):
        bought.setdefault(member_no, []).append(BoughtInYear(year, purchases, spend, from_microseconds(last_us)))
    if bought:
        await segments.add_bought(connection, bought)


async def uncount_bought(
    connection: Connection,
    program: Program,
    member: Member,
    purchase: Purchase,
    goods_return: GoodsReturn,
    *,
    nothing_left: bool,
) -> None:
    """Takes off what a return brings back, where the program counts purchases. The writer holds the member's row.

    `nothing_left` says that this is the return after which nothing of the purchase is kept.
    """
    if program.settings.purchase_statistics:
        year = program.calendar.year_at(purchase.event_time)
        await segments.lower_bought(connection, member.member_no, year, goods_return.amount, int(nothing_left))


def segment_name(program: Program, segment_id: str) -> str:
    """A segment's resource name."""
    return f"{program.name}/segments/{segment_id}"


async def _find(connection: Connection, program: Program, segment_id: str) -> Segment:
    found = await segments.find(connection, program, segment_id)
    if found is None:
        raise NotFound(segment_name(program, segment_id))
    return found


def _check(program: Program, segment_id: str, terms: SegmentTerms) -> None:
    wrong = list(violations(program, segment_id, terms))
    if wrong:
        raise InvalidField(wrong).within("segment")
