"""Keeping within the budgets of campaigns: what purchases would be given is asked for, and where there is less, they
are rated again by what there is. All of it in the transaction that records them, so that no budget is ever overspent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from guerdon_kit.postgres import Connection
from membership.domain.campaigns import Budgets, Campaign
from membership.domain.levels import Levels
from membership.domain.program import Program
from membership.domain.rating import Rated, Scene
from membership.store import budgets
from membership.store.budgets import Slice


class Attempt(NamedTuple):
    """Purchases rated within some limits, and what that leads to: points of years, what rules counted, levels."""

    rated: list[Rated]
    points: dict[tuple[int, int], int]
    scene: Scene | None
    levels: Levels | None

    @property
    def budgets(self) -> Budgets:
        """What campaigns give by it."""
        return self.scene.budgets if self.scene else Budgets()


class Tried(Protocol):
    """What came of purchases within some limits, and what campaigns give by it."""

    @property
    def rated(self) -> list[Rated]: ...
    @property
    def budgets(self) -> Budgets: ...


Done = TypeVar("Done", bound=Tried)


class _Got(NamedTuple):
    """Points of a budget that may be given: taken from one slice, or what all of them have, which are held."""

    points: int
    slice: int | None = None
    held: Sequence[Slice] = ()


async def within_budgets(
    connection: Connection, program: Program, done: Done, attempt: Callable[[Budgets], Awaitable[Done]]
) -> Done:
    """An attempt that keeps within all budgets: `done`, which was made without limits, or a later one. What it gives is
    spent.
    """
    got: dict[int, _Got] = {}
    place = done.rated[0].entry.member_no
    while asked := sorted(done.budgets.spent.keys() - got.keys()):  # each time there is one campaign less to be asked
        for campaign_no in asked:
            got[campaign_no] = await _get(connection, program, campaign_no, done.budgets, place)
        if all(got[campaign_no].points >= done.budgets.spent[campaign_no] for campaign_no in asked):
            break
        done = await attempt(Budgets({campaign_no: one.points for campaign_no, one in got.items()}))
    for campaign_no, one in sorted(got.items()):
        await _settle(connection, program, campaign_no, one, done.budgets.spent.get(campaign_no, 0))
    return done


async def rest(connection: Connection, program: Program, campaigns: Sequence[Campaign]) -> Budgets:
    """What campaigns with budgets may still give, asked without holding anything."""
    return Budgets({one.campaign_no: await budgets.left(connection, program, one.campaign_no) for one in campaigns})


async def _get(connection: Connection, program: Program, campaign_no: int, wanted: Budgets, place: int) -> _Got:
    """What a budget has of what is wanted. Only where no single slice covers it, and all of them together may, does
    anybody wait.
    """
    points = wanted.spent[campaign_no]
    taken = await budgets.take(connection, program, campaign_no, points, place)
    if taken is not None:
        return _Got(points, taken)
    if await budgets.left(connection, program, campaign_no) < wanted.least[campaign_no]:
        return _Got(0)
    held = await budgets.hold(connection, program, campaign_no)
    return _Got(sum(one.points - one.spent for one in held), held=held)


async def _settle(connection: Connection, program: Program, campaign_no: int, got: _Got, spent: int) -> None:
    """Spends of what was got what is given."""
    if got.slice is not None and spent < got.points:
        await budgets.give_back(connection, program, campaign_no, got.slice, got.points - spent)
    elif got.held and spent:
        await budgets.write(connection, program, campaign_no, budgets.spend(got.held, spent))
