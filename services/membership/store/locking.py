"""What members' purchases gave that may be locked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.availability import plus_days
from membership.domain.flags import FlagState
from membership.domain.locking import Given, Part
from membership.domain.program import Program
from membership.domain.waits import WaitState
from membership.store import queries
from membership.store.ratings import read_tranche

READ_MAX = 1_000
"""How many purchases are looked at one by one, the latest; of those before them it is told by days what they gave."""
_CLOCK_CHANGE = timedelta(days=1)
"""More than days of local clocks are longer than 24 hours."""


async def given(connection: Connection, program: Program, member_nos: Sequence[int], now: datetime) -> list[Given]:
    """What purchases gave whose return window has not closed at `now`, also where their own credit had expired when
    they were recorded: what stands beside it may not have. Of days that are summed up all counts as available, and as
    locked until the last purchase of the day is not: too much rather than too little.
    """
    days = program.settings.return_window_days
    since = now - timedelta(days=days) - _CLOCK_CHANGE
    rows = queries.locking_purchases(connection, member_nos=member_nos, since=since, most=READ_MAX)
    bought = {row["purchase_id"]: row async for row in rows}
    unlocks = {id_: plus_days(row["event_time"], days, program.time_zone) for id_, row in bought.items()}
    found = [
        Given(row["points"] - row["returned_points"], tuple(_parts(row)), unlocks[id_]) for id_, row in bought.items()
    ]
    if bought:
        awards = queries.locking_count_awards(
            connection, program_no=program.program_no, member_nos=member_nos, purchase_ids=list(bought)
        )
        async for award in awards:
            parts = () if _held(bought[award["purchase_id"]]) else (Part(award["points"], award["available_time"]),)
            found.append(Given(award["points"], parts, unlocks[award["purchase_id"]]))
    if len(bought) == READ_MAX:
        last = list(bought.values())[-1]
        before = queries.locking_days(
            connection,
            member_nos=member_nos,
            since=since,
            event_time=last["event_time"],
            purchase_id=last["purchase_id"],
        )
        async for day in before:
            unlock_time = plus_days(day["event_time"], days, program.time_zone)
            found.append(Given(day["points"], (Part(day["points"], None),), unlock_time))
    return found


def _parts(row: Record) -> Iterator[Part]:
    if _held(row):
        return
    tranches = [read_tranche(kept) for kept in row["tranches"] or ()]
    times = [(one.points, one.available_time) for one in tranches] or [(row["points"], row["available_time"])]
    states = {int(place): WaitState(state) for place, state in (row["waits"] or {}).items()}
    for place, (points, available_time) in enumerate(times):
        state = states.get(place)
        if state is None:
            yield Part(points, available_time)
        elif state in {WaitState.TOLD, WaitState.RELEASED}:
            yield Part(points, None)


def _held(row: Record) -> bool:
    return bool(row["flag_state"] == FlagState.HELD)
