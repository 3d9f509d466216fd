"""Recognitions, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.recognitions import Draft, Giving, Recognition, State, Visibility
from recognition.store import queries


@dataclass(frozen=True, slots=True)
class Feed:
    """What part of an organisation's feed to read: what `viewer` sees (None: what everybody sees), older than the
    position, and if set only that for `value` and that of `person`.
    """

    organisation: str
    viewer: str | None
    value: str | None
    person: str | None
    before_time: datetime
    before: str


class Key(NamedTuple):
    """What a recognition is found by: two ids."""

    organisation: str
    recognition: str


async def insert(
    connection: Connection,
    recognition: str,
    draft: Draft,
    *,
    actor: str,
    create_time: datetime,
    due_time: datetime,
) -> None:
    """Takes in a PENDING recognition, which nobody else carries out before `due_time`."""
    await queries.insert_recognition(
        connection,
        organisation=draft.organisation,
        recognition=recognition,
        giver=draft.giver,
        amount=draft.amount,
        message=draft.message,
        purposes=list(draft.values),
        visibility=draft.visibility.value,
        actor=actor,
        create_time=create_time,
        due_time=due_time,
    )
    await queries.insert_recognition_people(
        connection,
        organisation=draft.organisation,
        recognition=recognition,
        people=[draft.giver, *draft.receivers],
        create_time=create_time,
    )


async def find(connection: Connection, organisation: str, recognition: str) -> Recognition | None:
    """The recognition of that id, in whatever state."""
    row = await queries.find_recognition(connection, organisation=organisation, recognition=recognition)
    return None if row is None else _recognition(row)


async def find_giving(connection: Connection, recognition: Recognition) -> Giving:
    """What the ledger is asked for on its behalf."""
    rows = [
        row
        async for row in queries.giving_accounts(
            connection, organisation=recognition.draft.organisation, recognition=recognition.id
        )
    ]
    return Giving(
        recognition=recognition,
        program=rows[0]["program"],
        source_id=rows[0]["account"],
        destination_ids=tuple(row["account"] for row in rows[1:]),
    )


async def claim_one(
    connection: Connection, organisation: str, recognition: str, now: datetime, lease_time: datetime
) -> bool:
    """Whether it was due, and is now this worker's until `lease_time`."""
    claimed = await queries.claim_recognition(
        connection, organisation=organisation, recognition=recognition, now=now, lease_time=lease_time
    )
    return claimed is not None


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Claim[Key]]:
    """At most so many that are due, each now this worker's until `lease_time`."""
    rows = queries.claim_recognitions(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(Key(row["organisation"], row["recognition"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Makes one that is still PENDING due at `due_time`."""
    await queries.put_off_recognition(
        connection, organisation=key.organisation, recognition=key.recognition, due_time=due_time
    )


async def mark_posted(connection: Connection, recognition: Recognition, transaction: str) -> bool:
    """Whether it was still PENDING, and is POSTED by this."""
    marked = await queries.mark_posted(
        connection,
        organisation=recognition.draft.organisation,
        recognition=recognition.id,
        transaction=transaction,
    )
    return marked is not None


async def mark_refused(connection: Connection, recognition: Recognition, refusal: str, available_amount: int) -> None:
    """Makes a PENDING one REFUSED."""
    await queries.mark_refused(
        connection,
        organisation=recognition.draft.organisation,
        recognition=recognition.id,
        refusal=refusal,
        available_amount=available_amount,
    )


async def list_feed(connection: Connection, feed: Feed, most: int) -> list[Recognition]:
    """At most so many POSTED ones, newest first."""
    shared = {
        "organisation": feed.organisation,
        "viewer": feed.viewer,
        "purpose": feed.value,
        "before_time": feed.before_time,
        "before": feed.before,
        "most": most,
    }
    if feed.person is None:
        rows = queries.list_recognitions(connection, **shared)
    else:
        rows = queries.list_recognitions_of(connection, person=feed.person, **shared)
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
        ),
        state=State(row["state"]),
        actor=row["actor"],
        create_time=row["create_time"],
        transaction=row["transaction"],
        refusal=row["refusal"],
        available_amount=row["available_amount"],
    )
