"""Rating purchases by what their members have earned before, in the transaction that records them: under the lock on
the members' rows, what rules count is read, brought forward and written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.campaigns import Budgets
from membership.domain.counting import count
from membership.domain.late import Moment, happened
from membership.domain.members import Member
from membership.domain.program import Program
from membership.domain.rating import Entry, Rated, Scene, Use, rate, uses_of
from membership.domain.rows import Row
from membership.domain.rulebooks import Rulebook
from membership.operations.budgets import Attempt, within_budgets
from membership.operations.counting import award_counts, counted_before, keep_counted
from membership.operations.late import Fresh, late_moments, put_in_order, stretches_from
from membership.operations.late_budgets import hold_budgets, replay_within
from membership.operations.late_changes import Changed
from membership.operations.qualifying import Rewards
from membership.operations.segments import asked_by_rules, count_bought
from membership.operations.standings import keep, levels_for
from membership.store import members, ratings, timelines


async def rate_in_order(
    connection: Connection,
    program: Program,
    book: Rulebook,
    entries: Sequence[Entry],
    row_at: dict[int, Row],
    by_id: dict[str, Member],
    now: datetime,
    actor: str,
) -> tuple[list[Rated], Changed]:
    """Rates entries in their places among all that happened to their members; answers what that changes of awards that
    were recorded before. Without a lateness window they are rated by what arrived before.
    """
    if not program.has_timelines:
        rated = await _rate(connection, program, book, entries, row_at, by_id, now)
        await count_bought(connection, program, rated)
        return rated, Changed()
    moments = {entry: Moment(entry.event_us, "", row_at[entry.place].purchase_id) for entry in sorted(entries)}
    coming = [(entry.member_no, moment) for entry, moment in moments.items()]
    starts = await late_moments(connection, program, coming, now)
    fresh = {one: entry for entry, one in moments.items() if (at := starts.get(entry.member_no)) and one >= at}
    in_time = [entry for entry, moment in moments.items() if moment not in fresh]
    await hold_budgets(connection, program, book, starts)
    rated = await _rate(connection, program, book, in_time, row_at, by_id, now)
    told = [(one.entry.member_no, happened(program, moments[one.entry].purchase_id, one)) for one in rated]
    await timelines.write(connection, told)
    await count_bought(connection, program, rated)
    if not starts:
        return rated, Changed()
    given = await award_counts(connection, program, by_id, rated, row_at, now, actor)  # before counts are read again
    rated = [one._replace(tallies=tuple(tally.written() for tally in one.tallies)) for one in rated]
    baskets = {place: row.basket for place, row in row_at.items() if row.basket is not None}
    who = {member.member_no: member for member in by_id.values()}
    stretches = await stretches_from(connection, program, book, who, starts, Fresh(fresh, baskets), now)
    replayed = await replay_within(connection, program, book, stretches, starts)
    await count_bought(connection, program, [one for _, done in replayed for one in done.rated])
    changed = await put_in_order(connection, program, book, replayed, starts, now, actor)
    changed = changed._replace(rewards=Rewards.together([given, changed.rewards]))
    return sorted([*rated, *(one for _, done in replayed for one in done.rated)]), changed


async def earned_before(
    connection: Connection, program: Program, book: Rulebook, entries: Sequence[Entry]
) -> tuple[dict[tuple[int, int], int], dict[Use, int]]:
    """What the entries' members have earned in the years that matter, and what rules have counted of them."""
    year_of = program.calendar.year_of
    years = {year_of(entry.event_us // 1_000_000) for entry in entries}
    member_nos = list({entry.member_no for entry in entries})
    before = await members.years(connection, member_nos, sorted(years | {year - 1 for year in years}))
    uses = {} if book.plain else await ratings.uses(connection, uses_of(program, book, entries))
    return before, uses


async def _rate(
    connection: Connection,
    program: Program,
    book: Rulebook,
    entries: Sequence[Entry],
    row_at: dict[int, Row],
    by_id: dict[str, Member],
    now: datetime,
) -> list[Rated]:
    """Rates and counts entries by what their members have earned, and writes what they have then."""
    if not entries:
        return []
    baskets = {place: row.basket for place, row in row_at.items() if row.basket is not None}
    before, uses = await earned_before(connection, program, book, entries)
    bare = not baskets and (book.plain or all(book.at(entry.event_us).plain is not None for entry in entries))
    standing = {} if bare else await counted_before(connection, book, entries)
    ids = {} if bare else {place: row.purchase_id for place, row in row_at.items()}
    by_no = {} if bare else {member.member_no: member for member in by_id.values()}
    bought, inside, plans = (
        ({}, {}, {}) if bare else await asked_by_rules(connection, program, book, entries, by_no, now)
    )

    async def attempt(budgets: Budgets) -> Attempt:
        points = dict(before)
        scene = None if bare else Scene(baskets, by_no, dict(uses), budgets, dict(bought), inside, plans)
        levels = await levels_for(connection, program, list({entry.member_no for entry in entries}))
        rated = rate(program, book, entries, points, scene, levels)
        if scene is None:
            return Attempt(rated, points, scene, levels, standing)
        counted = count(book, rated, ids, standing, budgets)
        return Attempt(counted.rated, points, scene, levels, counted.counting)

    done = await attempt(Budgets())
    if done.budgets.spent:
        done = await within_budgets(connection, program, book, done, attempt)
    rated, points, scene, levels, counting = done
    changed = {key: value for key, value in points.items() if value != before.get(key, 0)}
    if changed:
        await members.write_years(connection, changed)
    if levels is not None:
        await keep(connection, program, levels, now)
    if scene is not None:
        counted = {use: value for use, value in scene.uses.items() if value != uses.get(use)}
        if counted:
            await ratings.write_uses(connection, counted)
        await keep_counted(connection, standing, counting)
    return rated
