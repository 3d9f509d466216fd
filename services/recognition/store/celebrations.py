"""Celebrations and what organisations celebrate, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.celebrations import Celebration, Due, LeapDay, Occasion, Policy
from recognition.domain.feed import FeedItem
from recognition.domain.recognitions import Visibility, Wanted
from recognition.store import payouts, queries
from recognition.store.positions import Position


@dataclass(frozen=True, slots=True)
class Celebrating:
    """An organisation's policy, the day since which it celebrates, and its time zone."""

    policy: Policy
    start_day: date
    time_zone: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A day that is looked at, a month and day of the month that is celebrated on it, and when it ends."""

    day: date
    month: int
    month_day: int
    end_time: datetime


async def set_policy(connection: Connection, policy: Policy, start_day: date, actor: str) -> None:
    """Writes a policy; `start_day` counts where it is the first."""
    await queries.set_celebration_policy(
        connection,
        organisation=policy.organisation,
        award_budget=policy.budget,
        anniversary_years=[years for years, _ in policy.anniversary_amounts],
        anniversary_amounts=[amount for _, amount in policy.anniversary_amounts],
        other_anniversary_amount=policy.other_anniversary_amount,
        birthday_amount=policy.birthday_amount,
        leap_day=policy.leap_day.value,
        catch_up_days=policy.catch_up_days,
        visibility=policy.visibility.value,
        start_day=start_day,
        actor=actor,
    )


async def find_policy(connection: Connection, organisation: str) -> Policy | None:
    """What an organisation celebrates, if anything."""
    row = await queries.find_celebration_policy(connection, organisation=organisation)
    return None if row is None else _policy(row)


async def policies_after(connection: Connection, after: str, most: int) -> list[Celebrating]:
    """Those of at most so many organisations that celebrate, by id, from after `after` on."""
    rows = queries.celebrating_organisations(connection, after=after, most=most)
    return [Celebrating(_policy(row), row["start_day"], row["time_zone"]) async for row in rows]


async def lock(connection: Connection, organisation: str) -> None:
    """Keeps other workers from this organisation's celebrations until the transaction ends."""
    await queries.lock_celebration_policy(connection, organisation=organisation)


async def due(connection: Connection, policy: Policy, kept: Sequence[Kept], most: int) -> list[Due]:
    """At most so many days of each occasion that are to be celebrated."""
    shared = {
        "organisation": policy.organisation,
        "days": [one.day for one in kept],
        "months": [one.month for one in kept],
        "month_days": [one.month_day for one in kept],
        "end_times": [one.end_time for one in kept],
        "most": most,
    }
    found = []
    if policy.birthday_amount:
        rows = queries.due_birthdays(connection, **shared)
        found += [Due(row["person"], Occasion.BIRTHDAY, row["day"], 0) async for row in rows]
    listed = dict(policy.anniversary_amounts)
    rows = queries.due_anniversaries(
        connection,
        given_years=[years for years, amount in listed.items() if amount],
        listed_years=list(listed),
        others=policy.other_anniversary_amount > 0,
        **shared,
    )
    found += [Due(row["person"], Occasion.ANNIVERSARY, row["day"], row["years"]) async for row in rows]
    return found


async def insert(
    connection: Connection, policy: Policy, celebrated: Sequence[tuple[str, Due]], create_time: datetime
) -> None:
    """Writes celebrations, each with the id of its payout."""
    dues = [one for _, one in celebrated]
    await queries.insert_celebrations(
        connection,
        organisation=policy.organisation,
        people=[one.person for one in dues],
        occasions=[one.occasion.value for one in dues],
        days=[one.day for one in dues],
        years=[one.years for one in dues],
        amounts=[policy.amount(one.occasion, one.years) for one in dues],
        payouts=[payout for payout, _ in celebrated],
        visibility=policy.visibility.value,
        create_time=create_time,
    )


async def find_public(connection: Connection, organisation: str, payouts_: Collection[str]) -> list[Celebration]:
    """Of the celebrations of these payouts those that everybody sees."""
    rows = queries.find_public_celebrations(connection, organisation=organisation, payouts=list(payouts_))
    return [_celebration(row) async for row in rows]


async def list_seen(
    connection: Connection, organisation: str, viewer: str | None, position: Position
) -> list[Celebration]:
    """What the viewer sees (None: what everybody sees), newest first."""
    rows = queries.list_celebrations(connection, organisation=organisation, viewer=viewer, **position.parameters)
    return [_celebration(row) async for row in rows]


async def list_all(connection: Connection, organisation: str, position: Position) -> list[Celebration]:
    """All, newest first."""
    rows = queries.list_all_celebrations(connection, organisation=organisation, **position.parameters)
    return [_celebration(row) async for row in rows]


async def list_of_feed(
    connection: Connection, organisation: str, viewer: str | None, wanted: Wanted, position: Position
) -> list[FeedItem]:
    """Those that were paid and the viewer sees, the one paid last first."""
    rows = queries.list_celebrations_of_feed(
        connection,
        organisation=organisation,
        viewer=viewer,
        person=wanted.person,
        team=wanted.team,
        **position.parameters,
    )
    return [FeedItem(row["settle_time"], row["payout"], _celebration(row)) async for row in rows]


def _policy(row: asyncpg.Record) -> Policy:
    return Policy(
        organisation=row["organisation"],
        budget=row["award_budget"],
        anniversary_amounts=tuple(zip(row["anniversary_years"], row["anniversary_amounts"], strict=True)),
        other_anniversary_amount=row["other_anniversary_amount"],
        birthday_amount=row["birthday_amount"],
        leap_day=LeapDay(row["leap_day"]),
        catch_up_days=row["catch_up_days"],
        visibility=Visibility(row["visibility"]),
    )


def _celebration(row: asyncpg.Record) -> Celebration:
    return Celebration(
        organisation=row["organisation"],
        due=Due(row["person"], Occasion(row["occasion"]), row["day"], row["years"]),
        amount=row["amount"],
        visibility=Visibility(row["visibility"]),
        payout=row["payout"],
        create_time=row["create_time"],
        progress=payouts.progress(row),
    )
