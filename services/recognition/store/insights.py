"""What was counted, summed up."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from recognition.domain.insights import Board, Participants, Participation, Position, Sight, Standing
from recognition.domain.months import Month
from recognition.domain.tallies import Measure
from recognition.domain.taxable import REDEMPTION, Taxed
from recognition.store import queries


async def board(connection: Connection, board: Board, after: Position, most: int) -> list[Standing]:
    """At most so many on a leaderboard after `after`, most points first, and of as many by id."""
    shared = {
        "organisation": board.organisation,
        "measure": board.measure.value,
        "purpose": board.value,
        "amount": after.amount,
        "holder": after.holder,
        "most": most,
    }
    sight = {"everything": board.sight.everything, "under": board.sight.under}
    span = {"first_period": board.first.first_day, "last_period": board.last.first_day}
    if board.by_team:
        rows = queries.teams_board(connection, **shared, **sight, **span)
        return [Standing(row["team"], row["display_name"], row["amount"], row["count"]) async for row in rows]
    if board.first == board.last and board.team is None and board.sight == Sight():
        rows = queries.month_board(connection, period=board.first.first_day, **shared)
    else:
        rows = queries.people_board(connection, team=board.team, **shared, **sight, **span)
    return [Standing(row["person"], row["display_name"], row["amount"], row["count"]) async for row in rows]


async def participation(
    connection: Connection, organisation: str, month: Month, zone: str, sight: Sight
) -> Participation:
    """What those who were active in a month did in it, as far as it is in `sight`."""
    rows = queries.participation(
        connection,
        organisation=organisation,
        period=month.first_day,
        start_time=month.start_time,
        end_time=month.end_time,
        zone=zone,
        everything=sight.everything,
        under=sight.under,
    )
    found = {row["measure"]: Participants(row["people"], row["amount"], row["count"]) async for row in rows}
    return Participation(
        active=found[""].people,
        given=found.get(Measure.GIVEN.value, Participants()),
        added=found.get(Measure.ADDED.value, Participants()),
        received=found.get(Measure.RECEIVED.value, Participants()),
    )


async def unrecognised(
    connection: Connection, organisation: str, month: Month, zone: str, sight: Sight, after: str, most: int
) -> list[tuple[str, str]]:
    """At most so many who were active in a month and received nothing in it, by id from `after` on: their ids and what
    colleagues call them.
    """
    rows = queries.unrecognised_people(
        connection,
        organisation=organisation,
        period=month.first_day,
        start_time=month.start_time,
        end_time=month.end_time,
        zone=zone,
        under=sight.under,
        after=after,
        most=most,
    )
    return [(row["person"], row["display_name"]) async for row in rows]


async def given(connection: Connection, organisation: str, month: Month, sight: Sight) -> dict[Measure, int]:
    """What was given and added in a month by those whom somebody sees to."""
    rows = queries.given_in_month(connection, organisation=organisation, period=month.first_day, under=sight.under)
    return {Measure(row["measure"]): row["amount"] async for row in rows}


async def received(
    connection: Connection, organisation: str, first: Month, last: Month, after: tuple[str, str], most: int
) -> list[Taxed]:
    """At most so many rows of what people received in some months, by person and category, after those."""
    rows = queries.received_by_category(
        connection,
        organisation=organisation,
        first_period=first.first_day,
        last_period=last.first_day,
        start_time=first.start_time,
        end_time=last.end_time,
        after_person=after[0],
        after_category=after[1],
        most=most,
    )
    return [
        Taxed(row["person"], row["display_name"], row["country"], row["category"], row["amount"]) async for row in rows
    ]


async def redeemed(
    connection: Connection, organisation: str, first: Month, last: Month, after: tuple[str, str], most: int
) -> list[Taxed]:
    """At most so many rows of what people redeemed in some months, by person, after that one."""
    rows = queries.redeemed_by_person(
        connection,
        organisation=organisation,
        first_month=first.first_day,
        last_month=last.first_day,
        after=after[0],
        most=most,
    )
    return [Taxed(row["person"], row["display_name"], row["country"], REDEMPTION, row["amount"]) async for row in rows]
