"""Keeping within the budgets of campaigns: what purchases would be given is asked for, and where there is less, they
are rated again by what there is. All of it in the transaction that records them, so that no budget is ever overspent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from membership.domain.campaigns import Budgets, Campaign
from membership.domain.counting import Key
from membership.domain.levels import Levels
from membership.domain.program import Program
from membership.domain.rating import Rated, Scene
from membership.domain.rulebooks import Rulebook
from membership.domain.tallies import Counting
from membership.store import budgets


class Attempt(NamedTuple):
    """Purchases rated and counted within some limits, and what that leads to: points of years, what rules gave, levels,
    what rules counted.
    """

    rated: list[Rated]
    points: dict[tuple[int, int], int]
    scene: Scene | None
    levels: Levels | None
    counting: dict[Key, Counting]

    @property
    def budgets(self) -> Budgets:
        """What campaigns give by it."""
        return self.scene.budgets if self.scene else Budgets()


async def within_budgets(
    connection: Connection,
    program: Program,
    book: Rulebook,
    done: Attempt,
    attempt: Callable[[Budgets], Awaitable[Attempt]],
) -> Attempt:
    """An attempt that keeps within all budgets: `done`, which was made without limits, or a later one. What it gives is
    spent.

    Who takes of a budget without waiting has all that is wanted, and waits for no other; who waits has taken nothing
    before. So nobody waits for somebody who waits for them.
    """
    short: dict[int, int] = {}  # at most what there is of budgets that do not cover the least that was wanted of them
    while done.budgets.spent:
        campaign_no = await _take(connection, program, done)
        if campaign_no is None:
            break
        left = await budgets.left(connection, program, campaign_no)
        if campaign_no in short or left >= done.budgets.least[campaign_no]:
            return await _of_all_there_is(connection, program, book, done, attempt)
        short[campaign_no] = left
        done = await attempt(Budgets(dict(short)))
    return done


async def rest(connection: Connection, program: Program, campaigns: Sequence[Campaign]) -> Budgets:
    """What campaigns with budgets may still give, asked without holding anything."""
    return Budgets({one.campaign_no: await budgets.left(connection, program, one.campaign_no) for one in campaigns})


async def _take(connection: Connection, program: Program, done: Attempt) -> int | None:
    """Takes what campaigns give, of one slice each. Where one of them has no such slice that is free, takes nothing,
    and answers which.
    """
    wanted, place = sorted(done.budgets.spent.items()), done.rated[0].entry.member_no
    savepoint = connection.transaction() if len(wanted) > 1 else None
    if savepoint:
        await savepoint.start()
    for campaign_no, points in wanted:
        if await budgets.take(connection, program, campaign_no, points, place) is None:
            if savepoint:
                await savepoint.rollback()  # which lets go what was taken of others
            return campaign_no
    if savepoint:
        await savepoint.commit()
    return None


async def _of_all_there_is(
    connection: Connection,
    program: Program,
    book: Rulebook,
    done: Attempt,
    attempt: Callable[[Budgets], Awaitable[Attempt]],
) -> Attempt:
    """An attempt within what budgets have, of all the campaigns that may be asked: they are held, in one order."""
    running = [campaign for one in done.rated for campaign in book.at(one.entry.event_us).campaigns]
    held = await budgets.hold(connection, program, sorted({one.campaign_no for one in running if one.budget}))
    there = {campaign_no: sum(one.points - one.spent for one in slices) for campaign_no, slices in held.items()}
    done = await attempt(Budgets(there))
    for campaign_no, points in done.budgets.spent.items():
        await budgets.write(connection, program, campaign_no, budgets.spend(held[campaign_no], points))
    return done
