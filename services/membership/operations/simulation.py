"""What a purchase would earn: rated as `recording` does, but nothing is held and nothing written."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from membership.domain.campaigns import Budgets
from membership.domain.counting import count
from membership.domain.earning import Award
from membership.domain.endings import ended
from membership.domain.late import Moment
from membership.domain.late_replay import replay
from membership.domain.members import Member
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.purchases import Purchase
from membership.domain.rating import Entry, Rated, Scene, rate, terms_of
from membership.domain.rows import Row
from membership.domain.rulebooks import Rulebook
from membership.domain.sliding import Span
from membership.domain.timing import state_of, timed
from membership.domain.waits import Awaited
from membership.operations.budgets import rest
from membership.operations.counting import counted_before
from membership.operations.known import sort_known
from membership.operations.late import Fresh, late_moments, stretches_from
from membership.operations.late_budgets import budgeted
from membership.operations.rating import earned_before
from membership.operations.rules import Rulebooks
from membership.operations.segments import asked_by_rules
from membership.operations.sliding import kept
from membership.operations.standings import levels_for
from membership.store import members, purchases


async def simulated(
    connection: Connection, program: Program, rulebooks: Rulebooks, row: Row, now: datetime
) -> Purchase:
    """A purchase as it would be recorded now; a recorded one as it is. The row is within its bounds.

    Raises:
        NotFound, PurchaseDiffers, MemberClosed, MemberErased: as recording it.
    """
    fresh, _, refused, revision, _ = await sort_known(connection, program, [row])
    for refusal in refused.values():
        raise refusal
    if not fresh:
        found = await purchases.find(connection, program, row.purchase_id)
        assert found is not None, "it is known"
        return found[0]
    member = await members.find(connection, program, row.member_id)
    if member is None:
        raise NotFound(f"{program.name}/members/{row.member_id}")
    why = ended(program, member)
    if why is not None:
        raise why
    assert row.event_us is not None, "a row within its bounds has a time"
    book = await rulebooks.at(connection, program, revision)
    entry = Entry(row.event_us, row.place, member.member_no, row.amount)
    budgets = await rest(connection, program, [one for one in book.at(row.event_us).campaigns if one.budget])
    rated = await _rated(connection, program, book, member, entry, row, budgets, now)
    span = await kept(connection, program, member, from_microseconds(row.event_us))
    return _purchase(program, book, row, rated, now, span)


async def _rated(
    connection: Connection,
    program: Program,
    book: Rulebook,
    member: Member,
    entry: Entry,
    row: Row,
    budgets: Budgets,
    now: datetime,
) -> Rated:
    """The purchase rated and counted in its place."""
    who, baskets = {member.member_no: member}, {} if row.basket is None else {row.place: row.basket}
    if program.has_timelines:
        moment = Moment(entry.event_us, "", row.purchase_id)
        starts = await late_moments(connection, program, [(member.member_no, moment)], now)
        if starts:
            coming = Fresh({moment: entry}, baskets)
            [stretch] = await stretches_from(connection, program, book, who, starts, coming, now)
            [rated] = replay(program, book, stretch, await rest(connection, program, budgeted(book, starts))).rated
            return rated
    points, uses = await earned_before(connection, program, book, [entry])
    known = await asked_by_rules(connection, program, book, [entry], who, now)
    scene = Scene(baskets, who, uses, budgets, *known)
    levels = await levels_for(connection, program, [member.member_no])
    every = rate(program, book, [entry], points, scene, levels)
    before, ids = await counted_before(connection, book, [entry]), {row.place: row.purchase_id}
    [rated] = count(book, every, ids, before, budgets).rated
    return rated


def _purchase(program: Program, book: Rulebook, row: Row, rated: Rated, now: datetime, span: Span | None) -> Purchase:
    event_time = from_microseconds(rated.entry.event_us)
    frozen, own, points = timed(program, book, rated, event_time, span)
    return Purchase(
        purchase_id=row.purchase_id,
        member_id=row.member_id,
        event_time=event_time,
        record_time=now,
        amount=row.amount,
        level=rated.level,
        terms=terms_of(book, rated._replace(frozen=frozen)),
        award=Award(rated.base_points, rated.tier_points, rated.rule_points),
        expire_time=own.expire_time,
        state=state_of(rated.points, own.expire_time, now),
        transaction="",
        spot=None,
        returned_amount=0,
        returned_points=0,
        tallies=rated.tallies,
        credited_points=points,
        available_time=own.available_time,
        awaited=() if own.wait is None else (Awaited(0, own.wait),),
    )
