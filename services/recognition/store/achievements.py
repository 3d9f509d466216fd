"""Achievements and the systems that report them, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.achievements import Achievement, Asked, Source
from recognition.store import payouts, planned, queries
from recognition.store.positions import Position


async def insert_source(connection: Connection, source: Source, actor: str) -> bool:
    """Whether its id was free."""
    inserted = await queries.insert_achievement_source(
        connection,
        organisation=source.organisation,
        source=source.id,
        display_name=source.display_name,
        award_budget=source.budget,
        daily_limit=source.daily_limit,
        monthly_limit=source.monthly_limit,
        actor=actor,
        create_time=source.create_time,
    )
    return inserted is not None


async def find_source(connection: Connection, organisation: str, source: str) -> Source | None:
    """The source of that id."""
    row = await queries.find_achievement_source(connection, organisation=organisation, source=source)
    return None if row is None else _source(row)


async def lock_source(
    connection: Connection, organisation: str, source: str, day: date
) -> tuple[Source, int, int] | None:
    """The source, and what it has given on `day` and in its month; nobody else changes that before the transaction
    ends.
    """
    row = await queries.lock_achievement_source(connection, organisation=organisation, source=source)
    if row is None:
        return None
    given_day: date = row["given_day"]
    # A clock that was put back finds what is counted already for a later day: that then counts for this one too.
    of_day = row["given_of_day"] if given_day >= day else 0
    of_month = row["given_of_month"] if given_day >= day.replace(day=1) else 0
    return _source(row), of_day, of_month


async def insert(
    connection: Connection, source: Source, reports: Sequence[tuple[str, Asked]], actor: str, record_time: datetime
) -> None:
    """Records new achievements, each with the id of its payout."""
    await queries.insert_achievements(
        connection,
        organisation=source.organisation,
        source=source.id,
        achievements=[asked.id for _, asked in reports],
        people=[asked.person for _, asked in reports],
        amounts=[asked.amount for _, asked in reports],
        descriptions=[asked.description for _, asked in reports],
        payouts=[payout for payout, _ in reports],
        actor=actor,
        record_time=record_time,
    )


async def count(connection: Connection, source: Source, day: date, of_day: int, of_month: int) -> None:
    """Writes down what a locked source has given."""
    await queries.count_achievements(
        connection, organisation=source.organisation, source=source.id, day=day, of_day=of_day, of_month=of_month
    )


async def find(
    connection: Connection, organisation: str, source: str, achievements: Collection[str]
) -> dict[str, Achievement]:
    """Those of the achievements that are recorded, by id."""
    rows = queries.find_achievements(
        connection, organisation=organisation, source=source, achievements=list(achievements)
    )
    return {row["achievement"]: _achievement(row) async for row in rows}


async def list_sources(connection: Connection, organisation: str, after: str, most: int) -> list[Source]:
    """At most so many sources whose ids come after `after`, by id."""
    rows = queries.list_achievement_sources(connection, organisation=organisation, after=after, most=most)
    return [_source(row) async for row in rows]


async def list_achievements(
    connection: Connection, organisation: str, source: str | None, person: str | None, position: Position
) -> list[Achievement]:
    """Those of a source and a person, where these are given, newest first."""
    async with planned.for_values(connection):
        rows = queries.list_achievements(
            connection, organisation=organisation, source=source, person=person, **position.parameters
        )
        return [_achievement(row) async for row in rows]


def _source(row: asyncpg.Record) -> Source:
    return Source(
        organisation=row["organisation"],
        id=row["source"],
        display_name=row["display_name"],
        budget=row["award_budget"],
        daily_limit=row["daily_limit"],
        monthly_limit=row["monthly_limit"],
        create_time=row["create_time"],
    )


def _achievement(row: asyncpg.Record) -> Achievement:
    return Achievement(
        asked=Asked(
            organisation=row["organisation"],
            source=row["source"],
            id=row["achievement"],
            person=row["person"],
            amount=row["amount"],
            description=row["description"],
        ),
        payout=row["payout"],
        record_time=row["record_time"],
        progress=payouts.progress(row),
    )
