"""What a purchase would earn: rated as `recording` does, but nothing is held and nothing written."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from membership.domain.counting import count
from membership.domain.earning import Award
from membership.domain.endings import ended
from membership.domain.moments import from_microseconds
from membership.domain.program import Program
from membership.domain.purchases import PlainTerms, Purchase
from membership.domain.rating import Entry, Rated, Scene, rate
from membership.domain.rows import Row
from membership.domain.rulebooks import Rulebook
from membership.domain.sliding import Span
from membership.operations.budgets import rest
from membership.operations.counting import counted_before
from membership.operations.recording import credited, earned_before, sort_known
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
    points, uses = await earned_before(connection, program, book, [entry])
    baskets = {} if row.basket is None else {row.place: row.basket}
    running = [one for one in book.at(row.event_us).campaigns if one.budget]
    budgets = await rest(connection, program, running)
    by_no = {member.member_no: member}
    known = await asked_by_rules(connection, program, book, [entry], by_no, now)
    scene = Scene(baskets, by_no, uses, budgets, *known)
    levels = await levels_for(connection, program, [member.member_no])
    every = rate(program, book, [entry], points, scene, levels)
    before, ids = await counted_before(connection, book, [entry]), {row.place: row.purchase_id}
    [rated] = count(book, every, ids, before, scene.budgets).rated
    return _purchase(
        program, book, row, rated, now, await kept(connection, program, member, from_microseconds(row.event_us))
    )


def _purchase(program: Program, book: Rulebook, row: Row, rated: Rated, now: datetime, span: Span | None) -> Purchase:
    event_time = from_microseconds(rated.entry.event_us)
    expire_time, state = credited(program, rated, event_time, now, span)
    terms = rated.frozen
    if terms is None:
        rules = book.at(rated.entry.event_us)
        assert rules.plain is not None, "what is not frozen is plain"
        [version] = rules.versions
        plain = PlainTerms(version.rule.rule_id, version.version, rules.plain[rated.level])
    return Purchase(
        purchase_id=row.purchase_id,
        member_id=row.member_id,
        event_time=event_time,
        record_time=now,
        amount=row.amount,
        level=rated.level,
        terms=terms or plain,
        award=Award(rated.base_points, rated.tier_points, rated.rule_points),
        expire_time=expire_time,
        state=state,
        transaction="",
        spot=None,
        returned_amount=0,
        returned_points=0,
        tallies=rated.tallies,
    )
