"""Budgets of campaigns, in slices, of which each is taken from by one transaction at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from guerdon_kit.postgres import Connection
from membership.domain.program import Program
from membership.store import queries

SLICES = 16
"""As in `take_of_budget`. With more, more purchases could earn of one campaign at once, and remnants cost more."""


class Slice(NamedTuple):
    """A part of a budget, in points."""

    slice: int
    points: int
    spent: int


async def insert(connection: Connection, program: Program, campaign_no: int, points: int) -> None:
    """Writes the budget of a new campaign."""
    await queries.insert_budget(
        connection, program_no=program.program_no, campaign_no=campaign_no, points=spread(points)
    )


def spread(points: int) -> list[int]:
    """An amount in as many parts as there are slices, as even as can be."""
    each, more = divmod(points, SLICES)
    return [each + (place < more) for place in range(SLICES)]


async def take(connection: Connection, program: Program, campaign_no: int, points: int, place: int) -> int | None:
    """Takes points from one slice, the first from `place` on that has them and that nobody else holds; answers which.
    Nobody waits.
    """
    taken: int | None = await queries.take_of_budget(
        connection, program_no=program.program_no, campaign_no=campaign_no, points=points, place=place
    )
    return taken


async def left(connection: Connection, program: Program, campaign_no: int) -> int:
    """What is left of a budget, at most: what others are taking just now still counts."""
    points: int = await queries.left_of_budget(connection, program_no=program.program_no, campaign_no=campaign_no)
    return points


def spend(slices: Sequence[Slice], points: int) -> list[Slice]:
    """Slices with points spent that they have together, from the first on."""
    after = []
    for one in slices:
        part = min(points, one.points - one.spent)
        after.append(one._replace(spent=one.spent + part))
        points -= part
    assert not points, "no more is spent than there is"
    return after


async def hold(connection: Connection, program: Program, campaign_nos: Sequence[int]) -> dict[int, list[Slice]]:
    """All slices of budgets, by their campaigns, held until the transaction ends. Who asks waits for those that others
    hold, and must not have taken of a budget before.
    """
    held: dict[int, list[Slice]] = {campaign_no: [] for campaign_no in campaign_nos}
    rows = queries.hold_budgets(connection, program_no=program.program_no, campaign_nos=campaign_nos)
    async for row in rows:
        held[row["campaign_no"]].append(Slice(row["slice"], row["points"], row["spent"]))
    return held


async def write(connection: Connection, program: Program, campaign_no: int, slices: Sequence[Slice]) -> None:
    """Writes slices, which the writer holds."""
    await queries.write_budget(
        connection,
        program_no=program.program_no,
        campaign_no=campaign_no,
        slices=[one.slice for one in slices],
        points=[one.points for one in slices],
        spent=[one.spent for one in slices],
    )


async def spent(connection: Connection, program: Program, campaign_nos: Sequence[int]) -> dict[int, int]:
    """What is spent of the budgets of campaigns, by their numbers, where they have one."""
    rows = queries.spent_of_budgets(connection, program_no=program.program_no, campaign_nos=campaign_nos)
    return {row["campaign_no"]: row["spent"] async for row in rows}
