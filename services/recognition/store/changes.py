"""Changes of recognitions on their way, as rows."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.changes import Change, ChangeKey, ChangeKind, ChangeState, NewChange
from recognition.store import queries


async def insert(connection: Connection, change: NewChange, due_time: datetime) -> None:
    """Takes in a PENDING change, which nobody else carries out before `due_time`."""
    await queries.insert_change(
        connection,
        organisation=change.organisation,
        change=change.id,
        recognition=change.recognition,
        kind=change.kind.value,
        person=change.person,
        receivers=list(change.receivers),
        amounts=list(change.amounts),
        actor=change.actor,
        create_time=change.create_time,
        due_time=due_time,
    )


async def find(connection: Connection, key: ChangeKey) -> Change | None:
    """The change, in whatever state."""
    row = await queries.find_change(connection, organisation=key.organisation, change=key.change)
    if row is None:
        return None
    new = NewChange(
        organisation=row["organisation"],
        id=row["change"],
        recognition=row["recognition"],
        kind=ChangeKind(row["kind"]),
        person=row["person"],
        receivers=tuple(row["receivers"]),
        amounts=tuple(row["amounts"]),
        actor=row["actor"],
        create_time=row["create_time"],
    )
    return Change(new, ChangeState(row["state"]), row["refusal"], row["available_amount"])


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
