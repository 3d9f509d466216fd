"""Recognitions, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.recognitions import Draft, Recognition, State, Visibility, Wanted
from recognition.store import planned, queries

_OLDEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Feed:
    """What part of an organisation's feed to read: what `viewer` sees (None: what everybody sees), older than the
    position, and of that what `wanted` asks for.
    """

    organisation: str
    viewer: str | None
    wanted: Wanted
    before_time: datetime
    before: str


async def insert(
    connection: Connection,
    recognition: str,
    draft: Draft,
    *,
    actor: str,
    create_time: datetime,
) -> None:
    """Takes in a PENDING recognition."""
    await queries.insert_recognition(
        connection,
        organisation=draft.organisation,
        recognition=recognition,
        giver=draft.giver,
        amount=draft.amount,
        message=draft.message,
        purposes=list(draft.values),
        visibility=draft.visibility.value,
        mentioned=list(draft.mentioned),
        named_teams=list(draft.teams),
        actor=actor,
        create_time=create_time,
    )
    await queries.insert_recognition_people(
        connection,
        organisation=draft.organisation,
        recognition=recognition,
        people=[draft.giver, *draft.receivers],
        create_time=create_time,
    )
    await _insert_teams(connection, recognition, draft, create_time)


async def find(connection: Connection, organisation: str, recognition: str) -> Recognition | None:
    """The recognition of that id, in whatever state."""
    row = await queries.find_recognition(connection, organisation=organisation, recognition=recognition)
    return None if row is None else _recognition(row)


async def lock(connection: Connection, organisation: str, recognition: str) -> State | None:
    """Its state, which stays so until the transaction ends; None where there is none of that id."""
    state = await queries.lock_recognition(connection, organisation=organisation, recognition=recognition)
    return None if state is None else State(state)


async def _insert_teams(connection: Connection, recognition: str, draft: Draft, create_time: datetime) -> None:
    await queries.insert_recognition_teams(
        connection,
        organisation=draft.organisation,
        recognition=recognition,
        named=list(draft.teams),
        receivers=list(draft.receivers),
        create_time=create_time,
    )


async def edit(connection: Connection, recognition: Recognition, after: Draft, edit_time: datetime) -> None:
    """Makes it what it is `after` an edit. It keeps its place in the feed. One that was said to no team, because its
    receivers were in none or nobody knew, is said to theirs of now when it comes to be for teams.
    """
    key = {"organisation": after.organisation, "recognition": recognition.id}
    await queries.edit_recognition(
        connection,
        amount=after.amount,
        message=after.message,
        purposes=list(after.values),
        visibility=after.visibility.value,
        mentioned=list(after.mentioned),
        edit_time=edit_time,
        **key,
    )
    if after.receivers != recognition.draft.receivers:
        await queries.delete_recognition_people(connection, **key)
        people = [after.giver, *after.receivers]
        await queries.insert_recognition_people(connection, people=people, create_time=recognition.create_time, **key)
        await queries.delete_recognition_teams(connection, **key)
        await _insert_teams(connection, recognition.id, after, recognition.create_time)
    elif after.visibility is Visibility.TEAM and not recognition.teams:
        await _insert_teams(connection, recognition.id, after, recognition.create_time)


async def set_state(connection: Connection, organisation: str, recognition: str, state: State) -> None:
    """Writes down how far it is."""
    await queries.set_recognition_state(
        connection, organisation=organisation, recognition=recognition, state=state.value
    )


async def list_feed(connection: Connection, feed: Feed, most: int) -> list[Recognition]:
    """At most so many POSTED ones, newest first, found by the index that has the fewest."""
    wanted = feed.wanted
    shared = {
        "organisation": feed.organisation,
        "viewer": feed.viewer,
        "purpose": wanted.value,
        "since": wanted.since or _OLDEST,
        "before_time": feed.before_time,
        "before": feed.before,
        "most": most,
    }
    first = wanted.person or wanted.giver or wanted.receiver
    concerned = {
        "person": first,
        "gave": None if wanted.person else bool(wanted.giver),
        "receiver": wanted.receiver,
        "team": wanted.team,
    }
    if wanted.words is not None:
        # One plan for all words would take each for rare, and sort a whole organisation's thanks by time.
        async with planned.for_values(connection):
            rows = queries.search_recognitions(connection, words=wanted.words, **concerned, **shared)
            return [_recognition(row) async for row in rows]
    if first:
        rows = queries.list_recognitions_of(connection, **concerned, **shared)
    elif wanted.team is not None:
        rows = queries.list_recognitions_to(connection, team=wanted.team, **shared)
    else:
        rows = queries.list_recognitions(connection, **shared)
    return [_recognition(row) async for row in rows]


def _recognition(row: asyncpg.Record) -> Recognition:
    return Recognition(
        id=row["recognition"],
        draft=Draft(
            organisation=row["organisation"],
            giver=row["giver"],
            receivers=tuple(row["receivers"]),
            amount=row["amount"],
            message=row["message"],
            values=tuple(row["purposes"]),
            visibility=Visibility(row["visibility"]),
            teams=tuple(row["named_teams"]),
            mentioned=tuple(row["mentioned"]),
        ),
        state=State(row["state"]),
        actor=row["actor"],
        create_time=row["create_time"],
        transactions=tuple(row["transactions"]),
        edit_time=row["edit_time"],
        teams=tuple(row["teams"]),
    )
