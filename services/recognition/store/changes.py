"""Changes of recognitions on their way, as rows."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.changes import Change, ChangeKey, ChangeKind, ChangeState, NewChange
from recognition.domain.recognitions import Draft, Visibility
from recognition.domain.takings import TakingPolicy
from recognition.store import queries


async def insert(
    connection: Connection, new: NewChange, due_time: datetime, state: ChangeState = ChangeState.PENDING
) -> None:
    """Takes in a change, which nobody else carries out before `due_time`."""
    await queries.insert_change(
        connection,
        organisation=new.organisation,
        change=new.id,
        recognition=new.recognition,
        kind=new.kind.value,
        person=new.person,
        giver=new.giver,
        receivers=list(new.receivers),
        amounts=list(new.amounts),
        policy=new.policy.value,
        before=None if new.before is None else _encode(new.before),
        after=None if new.after is None else _encode(new.after),
        state=state.value,
        actor=new.actor,
        create_time=new.create_time,
        due_time=due_time,
    )


async def find(connection: Connection, key: ChangeKey) -> Change | None:
    """The change, in whatever state."""
    row = await queries.find_change(connection, organisation=key.organisation, change=key.change)
    return None if row is None else change(row)


async def list_all(
    connection: Connection, organisation: str, recognition: str, kinds: Collection[ChangeKind], state: ChangeState
) -> list[Change]:
    """The changes of a recognition that are of these kinds and in this state, oldest first."""
    rows = queries.list_changes(
        connection,
        organisation=organisation,
        recognition=recognition,
        kinds=[kind.value for kind in kinds],
        state=state.value,
    )
    return [change(row) async for row in rows]


async def claim_one(connection: Connection, key: ChangeKey, now: datetime, lease_time: datetime) -> bool:
    """Whether it was due, and is now this worker's until `lease_time`."""
    claimed = await queries.claim_change(
        connection, organisation=key.organisation, change=key.change, now=now, lease_time=lease_time
    )
    return claimed is not None


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Claim[ChangeKey]]:
    """At most so many that are due, each now this worker's until `lease_time`."""
    rows = queries.claim_changes(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(ChangeKey(row["organisation"], row["change"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: ChangeKey, due_time: datetime) -> None:
    """Makes one that is still PENDING due at `due_time`."""
    await queries.put_off_change(connection, organisation=key.organisation, change=key.change, due_time=due_time)


async def settle(
    connection: Connection, key: ChangeKey, state: ChangeState, refusal: str = "", available_amount: int = 0
) -> bool:
    """Whether it was still PENDING, and is settled by this."""
    settled = await queries.settle_change(
        connection,
        organisation=key.organisation,
        change=key.change,
        state=state.value,
        refusal=refusal,
        available_amount=available_amount,
    )
    return settled is not None


def change(row: asyncpg.Record) -> Change:
    """A row of `recognition_changes`."""
    new = NewChange(
        organisation=row["organisation"],
        id=row["change"],
        recognition=row["recognition"],
        kind=ChangeKind(row["kind"]),
        person=row["person"],
        giver=row["giver"],
        receivers=tuple(row["receivers"]),
        amounts=tuple(row["amounts"]),
        actor=row["actor"],
        create_time=row["create_time"],
        policy=TakingPolicy(row["policy"]),
        before=None if row["before"] is None else _decode(row["organisation"], row["giver"], row["before"]),
        after=None if row["after"] is None else _decode(row["organisation"], row["giver"], row["after"]),
    )
    return Change(new, ChangeState(row["state"]), row["refusal"], row["available_amount"])


def _encode(draft: Draft) -> str:
    return json.dumps(
        {
            "receivers": draft.receivers,
            "amount": draft.amount,
            "message": draft.message,
            "values": draft.values,
            "visibility": draft.visibility.value,
            "teams": draft.teams,
            "mentioned": draft.mentioned,
        }
    )


def _decode(organisation: str, giver: str, text: str) -> Draft:
    stored = json.loads(text)
    return Draft(
        organisation=organisation,
        giver=giver,
        receivers=tuple(stored["receivers"]),
        amount=stored["amount"],
        message=stored["message"],
        values=tuple(stored["values"]),
        visibility=Visibility(stored["visibility"]),
        teams=tuple(stored["teams"]),
        mentioned=tuple(stored["mentioned"]),
    )
