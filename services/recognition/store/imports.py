"""Imported recognitions and the chunks in which they come, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from guerdon_kit.chunks import freeze_row, thaw_row
from guerdon_kit.errors import DomainError
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from recognition.domain.imports import Chunk, NewRecognition, Row
from recognition.domain.recognitions import Draft, Visibility
from recognition.store import queries


class Key(NamedTuple):
    """What a chunk is found by: two ids."""

    organisation: str
    chunk: str


async def rewards_accounts(connection: Connection, organisation: str, people: Collection[str]) -> dict[str, str]:
    """The ids of the accounts of what people earned, by the ids of those that exist: leavers have theirs still."""
    rows = queries.rewards_accounts(connection, organisation=organisation, people=list(people))
    return {row["person"]: row["rewards_account"] async for row in rows}


async def reserve(connection: Connection, organisation: str, recognitions: Sequence[NewRecognition]) -> set[str]:
    """The external ids, of those of these rows, that were free and are now theirs."""
    rows = queries.reserve_external_ids(
        connection,
        organisation=organisation,
        external_ids=[one.row.external_id for one in recognitions],
        recognitions=[one.id for one in recognitions],
        digests=[one.row.digest for one in recognitions],
    )
    return {row["external_id"] async for row in rows}


async def digests(connection: Connection, organisation: str, external_ids: Collection[str]) -> dict[str, bytes]:
    """What came with these external ids, as digests."""
    rows = queries.find_external_ids(connection, organisation=organisation, external_ids=list(external_ids))
    return {row["external_id"]: row["digest"] async for row in rows}


async def release(connection: Connection, organisation: str, external_ids: Collection[str]) -> None:
    """Makes external ids free again."""
    await queries.release_external_ids(connection, organisation=organisation, external_ids=list(external_ids))


async def insert(connection: Connection, chunk: Chunk, create_time: datetime, due_time: datetime) -> None:
    """Takes in a chunk, which nobody else carries out before `due_time`."""
    await queries.insert_import_chunk(
        connection,
        organisation=chunk.organisation,
        chunk=chunk.id,
        state="settled" if chunk.settled else "pending",
        content=None if chunk.settled else [_content(one) for one in chunk.pending],
        already_imported=chunk.already_imported,
        refusals=_refusals(chunk.refusals),
        actor=chunk.actor,
        create_time=create_time,
        due_time=due_time,
    )


async def find(connection: Connection, key: Key) -> Chunk | None:
    """The chunk, in whatever state."""
    row = await queries.find_import_chunk(connection, organisation=key.organisation, chunk=key.chunk)
    if row is None:
        return None
    return Chunk(
        organisation=row["organisation"],
        id=row["chunk"],
        pending=tuple(_recognition(row["organisation"], one) for one in row["content"] or ()),
        settled=row["state"] == "settled",
        imported=row["imported"],
        already_imported=row["already_imported"],
        refusals={int(place): thaw_row(refusal) for place, refusal in row["refusals"].items()},
        actor=row["actor"],
    )


async def claim_one(connection: Connection, key: Key, now: datetime, lease_time: datetime) -> bool:
    """Whether it was due, and is now this worker's until `lease_time`."""
    claimed = await queries.claim_import_chunk(
        connection, organisation=key.organisation, chunk=key.chunk, now=now, lease_time=lease_time
    )
    return claimed is not None


async def claim(connection: Connection, now: datetime, lease_time: datetime, most: int) -> list[Claim[Key]]:
    """At most so many that are due, each now this worker's until `lease_time`."""
    rows = queries.claim_import_chunks(connection, now=now, lease_time=lease_time, most=most)
    return [Claim(Key(row["organisation"], row["chunk"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Makes one that is still PENDING due at `due_time`."""
    await queries.put_off_import_chunk(connection, organisation=key.organisation, chunk=key.chunk, due_time=due_time)


async def settle(connection: Connection, key: Key, imported: int, refusals: Mapping[int, DomainError]) -> bool:
    """Whether it was still PENDING, and is settled by this; `refusals` by place come to those that it has."""
    settled = await queries.settle_import_chunk(
        connection,
        organisation=key.organisation,
        chunk=key.chunk,
        imported=imported,
        refusals=_refusals(refusals),
    )
    return settled is not None


async def insert_recognitions(
    connection: Connection, organisation: str, recognitions: Sequence[NewRecognition], actor: str
) -> None:
    """Adds recognitions that were given and booked, with whom they concern and the teams that they were said to."""
    rows = [_content(one) for one in recognitions]
    await queries.insert_imported_recognitions(connection, organisation=organisation, rows=rows, actor=actor)
    await queries.insert_imported_people(connection, organisation=organisation, rows=rows)
    await queries.insert_imported_teams(connection, organisation=organisation, rows=rows)


def _content(one: NewRecognition) -> dict[str, Any]:
    draft = one.row.draft
    return {
        "place": one.row.place,
        "external_id": one.row.external_id,
        "recognition": one.id,
        "giver": draft.giver,
        "receivers": draft.receivers,
        "account_ids": one.account_ids,
        "amount": draft.amount,
        "message": draft.message,
        "purposes": draft.values,
        "visibility": draft.visibility.value,
        "named_teams": draft.teams,
        "give_time": one.row.give_time.isoformat(),
    }


def _recognition(organisation: str, kept: Mapping[str, Any]) -> NewRecognition:
    draft = Draft(
        organisation=organisation,
        giver=kept["giver"],
        receivers=tuple(kept["receivers"]),
        amount=kept["amount"],
        message=kept["message"],
        values=tuple(kept["purposes"]),
        visibility=Visibility(kept["visibility"]),
        teams=tuple(kept.get("named_teams", ())),  # a chunk of an earlier release has none
    )
    row = Row(kept["place"], kept["external_id"], draft, datetime.fromisoformat(kept["give_time"]))
    return NewRecognition(kept["recognition"], row, tuple(kept["account_ids"]))


def _refusals(refusals: Mapping[int, DomainError]) -> dict[str, Any]:
    return {str(place): freeze_row(refusal) for place, refusal in refusals.items()}
