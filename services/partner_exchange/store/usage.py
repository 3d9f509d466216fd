"""What exchanges have taken up of the limits, and what partners owe, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction

from guerdon_kit.postgres import Connection
from partner_exchange.domain.limits import Counter, Period, Scope, Used
from partner_exchange.store import queries


async def book(connection: Connection, sender: str, counts: Mapping[Counter, Used]) -> bool:
    """Counts so many more exchanges and points each; False where a cap leaves no room somewhere: then the transaction
    has to be rolled back.
    """
    booked = [
        row
        async for row in queries.book_usage(
            connection,
            sender=sender,
            points=[more.points for more in counts.values()],
            exchanges=[more.exchanges for more in counts.values()],
            most_points=[counter.cap.points for counter in counts],
            most_exchanges=[counter.cap.exchanges for counter in counts],
            **_keys(list(counts)),
        )
    ]
    return len(booked) == len(counts)


async def release(connection: Connection, sender: str, counts: Sequence[Counter], points: int, exchanges: int) -> None:
    """Gives back what was counted."""
    await queries.release_usage(connection, sender=sender, points=points, exchanges=exchanges, **_keys(counts))


async def find(
    connection: Connection, sender: str, counts: Sequence[Counter]
) -> Mapping[tuple[Scope, str, Period], Used]:
    """What was counted so far; nothing where nothing was."""
    rows = queries.find_usage(connection, sender=sender, **_keys(counts))
    return {
        (Scope(row["scope"]), row["subject"], Period(row["period"])): Used(int(row["points"]), row["exchanges"])
        async for row in rows
    }


async def prune(connection: Connection, before: date, most: int) -> int:
    """Deletes up to `most` counts of periods that began before a day, and answers how many they were."""
    deleted: int = await queries.prune_usage(connection, before=before, most=most)
    return deleted


async def lock_member(connection: Connection, sender: str, account: str) -> None:
    """Until the transaction ends nobody else counts how often the member exchanges."""
    await queries.lock_member(connection, sender=sender, account=account)


async def begun_within(connection: Connection, sender: str, account: str, after: datetime, most: int) -> list[datetime]:
    """When the newest exchanges of a member after a time began, newest first; ABORTED ones do not count."""
    rows = queries.begun_within(connection, sender=sender, account=account, after=after, most=most)
    return [row["create_time"] async for row in rows]


async def book_exposure(connection: Connection, partner_id: str, owed: Fraction, most: int) -> bool:
    """Adds what a partner will owe, in minor units; False where that would be more than `most`."""
    row = await queries.book_exposure(
        connection, partner=partner_id, numerator=owed.numerator, denominator=owed.denominator, most=most
    )
    return row is not None


async def move_exposures(connection: Connection, changes: Mapping[str, Fraction]) -> None:
    """Changes what partners owe, in minor units, whatever their limits."""
    await queries.move_exposures(
        connection,
        partners=list(changes),
        numerators=[change.numerator for change in changes.values()],
        denominators=[change.denominator for change in changes.values()],
    )


async def exposure(connection: Connection, partner_id: str) -> Fraction:
    """What a partner owes in windows that are not settled, less what it is owed, in minor units, exactly."""
    row = await queries.find_exposure(connection, partner=partner_id)
    return Fraction(0) if row is None else Fraction(int(row["numerator"]), int(row["denominator"]))


def _keys(counts: Sequence[Counter]) -> dict[str, list[str] | list[date]]:
    return {
        "scopes": [counter.scope.value for counter in counts],
        "subjects": [counter.subject for counter in counts],
        "periods": [counter.period.value for counter in counts],
        "begin_dates": [counter.begin for counter in counts],
    }
