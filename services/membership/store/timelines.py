"""What happened to members in programs with a lateness window, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asyncpg import Record

from guerdon_kit.postgres import Connection
from membership.domain.late import Happened, Moment
from membership.domain.late_counts import Award, Step
from membership.domain.moments import from_microseconds, to_microseconds
from membership.domain.tallies import Owed
from membership.store import queries


async def write(connection: Connection, happened: Iterable[tuple[int, Happened]]) -> None:
    """Writes what happened, by member number, or what it counts now; the writer holds the members' rows."""
    rows = sorted(happened)
    if rows:
        await queries.insert_timeline(
            connection,
            **_columns([(member_no, one.moment) for member_no, one in rows]),
            points=[one.points for _, one in rows],
            counts=[one.counts for _, one in rows],
            rule_nos=[one.rule_nos for _, one in rows],
            steps=[one.steps for _, one in rows],
        )


async def ends(connection: Connection, member_nos: Sequence[int]) -> dict[int, Moment]:
    """When the latest of all that is recorded happened, by member number."""
    rows = queries.timeline_ends(connection, member_nos=member_nos)
    return {row["member_no"]: _moment(row) async for row in rows}


async def since(connection: Connection, starts: Mapping[int, Moment]) -> dict[int, list[Happened]]:
    """What happened to members, each from a moment of its own on."""
    found: dict[int, list[Happened]] = {member_no: [] for member_no in starts}
    async for row in queries.timelines_from(connection, **_columns(sorted(starts.items()))):
        steps = tuple(map(_step, row["steps"]))
        one = Happened(_moment(row), row["points"], row["counts"], tuple(row["rule_nos"]), steps)
        found[row["member_no"]].append(one)
    return found


async def last_awards(
    connection: Connection, starts: Mapping[int, Moment], rule_nos: Sequence[int]
) -> dict[int, dict[int, int]]:
    """When rules last gave members something before a moment of each member's own: microseconds by member and rule."""
    found: dict[int, dict[int, int]] = {member_no: {} for member_no in starts}
    if rule_nos:
        rows = queries.last_awards(connection, **_columns(sorted(starts.items())), rule_nos=rule_nos)
        async for row in rows:
            found[row["member_no"]][row["rule_no"]] = to_microseconds(row["event_time"])
    return found


async def last_bought(connection: Connection, starts: Mapping[int, Moment]) -> dict[int, int]:
    """When members last bought something before a moment of each member's own, by member number, in microseconds."""
    rows = queries.last_bought(connection, **_columns(sorted(starts.items())))
    return {row["member_no"]: to_microseconds(row["event_time"]) async for row in rows}


def _columns(moments: Sequence[tuple[int, Moment]]) -> dict[str, Any]:
    return {
        "member_nos": [member_no for member_no, _ in moments],
        "event_times": [from_microseconds(one.event_us) for _, one in moments],
        "return_ids": [one.return_id for _, one in moments],
        "purchase_ids": [one.purchase_id for _, one in moments],
    }


def _step(kept: Sequence[Any]) -> Step:
    rule_no, counts, owed, given, fallen = kept
    return Step(
        rule_no,
        counts,
        tuple(Owed(*one) for one in owed),
        tuple(Award(*one) for one in given),
        tuple(Award(*one) for one in fallen),
    )


def _moment(row: Record) -> Moment:
    return Moment(to_microseconds(row["event_time"]), row["return_id"], row["purchase_id"])
