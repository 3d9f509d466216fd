"""People, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.people import NewPerson, Person
from recognition.store import queries


async def insert(
    connection: Connection, organisation: str, people: Sequence[NewPerson], actor: str, create_time: datetime
) -> set[str]:
    """The ids of those whose id and identity were both free, and who are added."""
    rows = queries.insert_people(
        connection,
        organisation=organisation,
        people=[person.id for person in people],
        display_names=[person.display_name for person in people],
        identities=[person.identity for person in people],
        allowance_accounts=[person.allowance_account_id for person in people],
        rewards_accounts=[person.rewards_account_id for person in people],
        actor=actor,
        create_time=create_time,
    )
    return {row["person"] async for row in rows}


async def find(connection: Connection, organisation: str, people: Collection[str]) -> dict[str, Person]:
    """Those of the people that exist, by id."""
    rows = queries.find_people(connection, organisation=organisation, people=list(people))
    return {row["person"]: _person(row) async for row in rows}


async def lock(connection: Connection, organisation: str, people: Collection[str]) -> dict[str, bool]:
    """Those of the people that exist, and whether each is active; that stays so until the transaction ends."""
    rows = queries.lock_people(connection, organisation=organisation, people=list(people))
    return {row["person"]: row["active"] async for row in rows}


async def find_by_identity(connection: Connection, organisation: str, identity: str) -> str | None:
    """The id of the active person as whom `identity` acts."""
    if not identity:
        return None
    found: str | None = await queries.find_person_by_identity(connection, organisation=organisation, identity=identity)
    return found


async def list_after(connection: Connection, organisation: str, after: str, most: int) -> list[Person]:
    """At most so many people whose ids come after `after`, by id."""
    rows = queries.list_people(connection, organisation=organisation, after=after, most=most)
    return [_person(row) async for row in rows]


async def deactivate(connection: Connection, organisation: str, person: str, actor: str) -> bool:
    """Whether there was such an active person, who is now deactivated."""
    done = await queries.deactivate_person(connection, organisation=organisation, person=person, actor=actor)
    return done is not None


def _person(row: asyncpg.Record) -> Person:
    return Person(
        organisation=row["organisation"],
        id=row["person"],
        display_name=row["display_name"],
        identity=row["identity"],
        active=row["active"],
        program=row["program"],
        allowance_account_id=row["allowance_account"],
        rewards_account_id=row["rewards_account"],
        create_time=row["create_time"],
    )
