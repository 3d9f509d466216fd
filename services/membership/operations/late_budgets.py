"""Budgets of campaigns and what comes late: what was rated before keeps what budgets paid for, and what more it is
given is taken of them as the late event arrives.

Purchases that come in time take of one slice that is free, and who needs all slices waits for them having taken none
(see `budgets`). A late event may need both, so it holds all slices before anything is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guerdon_kit.postgres import Connection
from membership.domain.campaigns import Budgets, Campaign
from membership.domain.late import Moment, Replayed, Stretch
from membership.domain.late_replay import replay
from membership.domain.program import Program
from membership.domain.rulebooks import Rulebook
from membership.store import budgets


def budgeted(book: Rulebook, starts: Mapping[int, Moment]) -> list[Campaign]:
    """The campaigns with a budget of which something may be given that happened from the first of the moments on."""
    first_us = min((one.event_us for one in starts.values()), default=0)
    return [one for one in book.campaigns if one.budget and (one.end_us is None or one.end_us > first_us)]


async def hold_budgets(connection: Connection, program: Program, book: Rulebook, starts: Mapping[int, Moment]) -> None:
    """Holds the budgets that late events may ask, until the transaction ends; it must have taken of none before."""
    if starts and (asked := budgeted(book, starts)):
        await budgets.hold(connection, program, [one.campaign_no for one in asked])


async def replay_within(
    connection: Connection,
    program: Program,
    book: Rulebook,
    stretches: Sequence[Stretch],
    starts: Mapping[int, Moment],
) -> list[tuple[Stretch, Replayed]]:
    """Stretches with what is made of them by what the budgets have, which are held; what is given more is spent."""
    asked = [one.campaign_no for one in budgeted(book, starts)]
    held = await budgets.hold(connection, program, asked) if asked else {}  # again: something may have been taken since
    there = Budgets({no: sum(one.points - one.spent for one in slices) for no, slices in held.items()})
    replayed = [(one, replay(program, book, one, there)) for one in stretches]
    for campaign_no, points in there.spent.items():
        await budgets.write(connection, program, campaign_no, budgets.spend(held[campaign_no], points))
    return replayed
