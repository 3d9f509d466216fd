"""Reviews, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.changes import ChangeKey, NewChange
from recognition.domain.reviews import Review, Reviewed, ReviewState
from recognition.store import changes, fairness, queries


async def insert(connection: Connection, key: ChangeKey, deadline: datetime) -> None:
    """Has a change held: its points are to be reserved, until somebody decides, by the `deadline`."""
    await queries.insert_review(connection, organisation=key.organisation, change=key.change, deadline=deadline)


async def find(connection: Connection, key: ChangeKey) -> Review | None:
    """What was decided of a change; None where nothing is to be."""
    row = await queries.find_review(connection, organisation=key.organisation, change=key.change)
    return None if row is None else _review(row, row["state"])


async def reservations(connection: Connection, organisation: str, given: Collection[str]) -> dict[str, str]:
    """The ledger's transactions that reserved the points of those of these changes that were held, by change."""
    if not given:
        return {}
    rows = queries.reservations(connection, organisation=organisation, changes=list(given))
    return {row["change"]: row["transaction"] async for row in rows}


async def hold(connection: Connection, key: ChangeKey, transaction: str) -> bool:
    """Writes down that the points are reserved; whether they were to be."""
    held: int = await queries.hold_review(
        connection, organisation=key.organisation, change=key.change, transaction=transaction
    )
    return held > 0


async def decide(connection: Connection, key: ChangeKey, decided: Review, actor: str, due_time: datetime) -> bool:
    """Whether it was held, and is decided by this: the change is to be carried out, by others from `due_time` on."""
    done = await queries.decide_review(
        connection,
        organisation=key.organisation,
        change=key.change,
        state=decided.state.value,
        reviewer=decided.reviewer,
        actor=actor,
        note=decided.note,
        review_time=decided.review_time,
    )
    if done is not None:
        await _reopen(connection, [key], due_time)
    return done is not None


async def reject_overdue(connection: Connection, now: datetime, most: int) -> list[tuple[ChangeKey, datetime]]:
    """Rejects at most so many that nobody decided about in time, and answers them with their deadlines: the changes are
    to be carried out.
    """
    rows = [row async for row in queries.reject_overdue_reviews(connection, now=now, most=most)]
    overdue = [(ChangeKey(row["organisation"], row["change"]), row["deadline"]) for row in rows]
    await _reopen(connection, [key for key, _ in overdue], now)
    return overdue


async def outdate(connection: Connection, by: NewChange, now: datetime, due_time: datetime) -> list[ChangeKey]:
    """Rejects the add-ons onto a recognition that wait, and have no place in what a change makes of it; answers them,
    which are to be carried out, by others from `due_time` on.
    """
    rows = queries.outdate_reviews(
        connection,
        organisation=by.organisation,
        recognition=by.recognition,
        receivers=[] if by.after is None else list(by.after.receivers),
        actor=by.actor,
        now=now,
    )
    outdated = [ChangeKey(by.organisation, row["change"]) async for row in rows]
    await _reopen(connection, outdated, due_time)
    return outdated


async def turn_down(connection: Connection, key: ChangeKey) -> None:
    """Makes an approved one rejected: the ledger would not give it."""
    await queries.turn_down_review(connection, organisation=key.organisation, change=key.change)


async def list_before(
    connection: Connection,
    organisation: str,
    *,
    state: ReviewState | None,
    giver: str | None,
    viewer: str | None,
    change: str | None,
    before: int,
    most: int,
) -> list[Reviewed]:
    """At most so many reviews with numbers below `before`, newest first: of that state, giver and change, where these
    are given, but for what `viewer` would receive.
    """
    found = queries.list_reviews(
        connection,
        organisation=organisation,
        state=state and state.value,
        giver=giver,
        viewer=viewer,
        change=change,
        before=before,
        most=most,
    )
    rows = [row async for row in found]
    findings = await fairness.findings(connection, organisation, [row["change"] for row in rows])
    return [
        Reviewed(
            row["number"],
            _review(row, row["review_state"]),
            changes.change(row),
            row["message"],
            tuple(findings[row["change"]]),
        )
        for row in rows
    ]


async def _reopen(connection: Connection, keys: Sequence[ChangeKey], due_time: datetime) -> None:
    if keys:
        await queries.reopen_changes(
            connection,
            organisations=[key.organisation for key in keys],
            changes=[key.change for key in keys],
            due_time=due_time,
        )


def _review(row: asyncpg.Record, state: str) -> Review:
    return Review(
        ReviewState(state), row["transaction"], row["reviewer"], row["note"], row["review_time"], row["deadline"]
    )
