"""People, as rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from guerdon_kit.postgres import Connection
from recognition.domain.errors import IdentityTaken, UserNameTaken
from recognition.domain.people import ActiveSpan, NewPerson, Person, person_name
from recognition.domain.profiles import Birthday, Profile
from recognition.domain.roles import Role, Standing
from recognition.store import queries


async def insert(
    connection: Connection, organisation: str, people: Sequence[NewPerson], actor: str, create_time: datetime
) -> set[str]:
    """The ids of those whose id, identity and user name were all free, and who are added. Their teams are not said by
    this.
    """
    profiles = [_columns(person.profile) for person in people]
    rows = queries.insert_people(
        connection,
        organisation=organisation,
        people=[person.id for person in people],
        allowance_accounts=[person.allowance_account_id for person in people],
        rewards_accounts=[person.rewards_account_id for person in people],
        **{plural: [columns[column] for columns in profiles] for column, plural in _PLURALS.items()},
        actor=actor,
        create_time=create_time,
    )
    return {row["person"] async for row in rows}


async def find(connection: Connection, organisation: str, people: Collection[str]) -> dict[str, Person]:
    """Those of the people that exist, by id."""
    rows = queries.find_people(connection, organisation=organisation, people=list(people))
    return {row["person"]: _person(row) async for row in rows}


async def lock(connection: Connection, organisation: str, people: Collection[str]) -> dict[str, Standing]:
    """Those of the people that exist, and how they stand; that stays so until the transaction ends."""
    rows = queries.lock_people(connection, organisation=organisation, people=list(people))
    return {row["person"]: Standing(row["active"], Role(row["role"])) async for row in rows}


async def lock_to_change(connection: Connection, organisation: str, person: str) -> Person | None:
    """The person of that id, whom nobody else changes until the transaction ends."""
    if await queries.lock_person(connection, organisation=organisation, person=person) is None:
        return None
    return (await find(connection, organisation, [person]))[person]


async def existing(connection: Connection, organisation: str, people: Collection[str]) -> set[str]:
    """The ids of those of the people that exist."""
    rows = queries.existing_people(connection, organisation=organisation, people=list(people))
    return {row["person"] async for row in rows}


async def above(connection: Connection, organisation: str, person: str) -> dict[str, str]:
    """The person and all whom they report to, near and far, each with whom that one reports to; empty where there is no
    such person.
    """
    rows = queries.people_above(connection, organisation=organisation, person=person)
    return {row["person"]: row["manager"] or "" async for row in rows}


async def update(connection: Connection, organisation: str, person: str, profile: Profile) -> None:
    """Writes what is known of a person, but for their teams.

    Raises:
        IdentityTaken, UserNameTaken: they are another person's. Nothing is written, and the transaction goes on.
    """
    try:
        async with connection.transaction():
            await queries.update_person(connection, organisation=organisation, person=person, **_columns(profile))
    except asyncpg.UniqueViolationError as error:
        name = person_name(organisation, person)
        raise (UserNameTaken(name) if error.constraint_name == "people_user_name" else IdentityTaken(name)) from error


async def find_by_identity(connection: Connection, organisation: str, identity: str) -> tuple[str, Role] | None:
    """The id and the role of the active person as whom `identity` acts."""
    if not identity:
        return None
    row = await queries.find_person_by_identity(connection, organisation=organisation, identity=identity)
    return None if row is None else (row["person"], Role(row["role"]))


class Viewer(NamedTuple):
    """Who looks at an organisation's lists."""

    organisation_known: bool
    own: str | None
    """The id of the active person as whom the identity acts."""
    viewer_known: bool
    """Whether there is the person who is named as the viewer."""


async def find_viewer(connection: Connection, organisation: str, identity: str, viewer: str | None) -> Viewer:
    """What is to be known of who looks, read at once."""
    row = await queries.find_viewer(connection, organisation=organisation, identity=identity, viewer=viewer)
    return Viewer(*row)


async def list_after(
    connection: Connection, organisation: str, after: str, most: int, *, user_name: str = "", team: str = ""
) -> list[Person]:
    """At most so many people whose ids come after `after`, by id; if set only who signs in with `user_name`, and only
    who is in `team`.
    """
    rows = queries.list_people(
        connection, organisation=organisation, after=after, most=most, user_name=user_name, team=team
    )
    return [_person(row) async for row in rows]


async def deactivate(connection: Connection, organisation: str, person: str, actor: str, now: datetime) -> bool:
    """Whether there was such an active person, who is now deactivated."""
    await queries.lock_person(connection, organisation=organisation, person=person)
    done = await queries.deactivate_person(connection, organisation=organisation, person=person, actor=actor, now=now)
    return done is not None


async def reactivate(connection: Connection, organisation: str, person: str, now: datetime) -> bool:
    """Whether there was such a deactivated person, who is now active."""
    # Else, having waited for others, it would not see when the person left last: a statement sees what was before it.
    await queries.lock_person(connection, organisation=organisation, person=person)
    return await queries.reactivate_person(connection, organisation=organisation, person=person, now=now) is not None


_PLURALS = {
    "display_name": "display_names",
    "identity": "identities",
    "role": "roles",
    "manager": "managers",
    "country": "countries",
    "start_date": "start_dates",
    "birth_month": "birth_months",
    "birth_day": "birth_days",
    "user_name": "user_names",
    "celebrations_opt_out": "celebrations_opt_outs",
    "leaderboards_opt_out": "leaderboards_opt_outs",
}
"""The columns of a profile, and what a statement calls many of each."""


def _columns(profile: Profile) -> dict[str, object]:
    birthday = profile.birthday
    return {
        "display_name": profile.display_name,
        "identity": profile.identity,
        "role": profile.role.value,
        "manager": profile.manager or None,
        "country": profile.country,
        "start_date": profile.start_date,
        "birth_month": None if birthday is None else birthday.month,
        "birth_day": None if birthday is None else birthday.day,
        "user_name": profile.user_name,
        "celebrations_opt_out": profile.celebrations_opt_out,
        "leaderboards_opt_out": profile.leaderboards_opt_out,
    }


def _profile(row: asyncpg.Record) -> Profile:
    month = row["birth_month"]
    return Profile(
        display_name=row["display_name"],
        identity=row["identity"],
        role=Role(row["role"]),
        manager=row["manager"] or "",
        teams=tuple(row["teams"]),
        country=row["country"],
        start_date=row["start_date"],
        birthday=None if month is None else Birthday(month, row["birth_day"]),
        user_name=row["user_name"],
        celebrations_opt_out=row["celebrations_opt_out"],
        leaderboards_opt_out=row["leaderboards_opt_out"],
    )


def _person(row: asyncpg.Record) -> Person:
    return Person(
        organisation=row["organisation"],
        id=row["person"],
        profile=_profile(row),
        active=row["active"],
        spans=tuple(ActiveSpan(*span) for span in zip(row["start_times"], row["end_times"], strict=True)),
        program=row["program"],
        allowance_account_id=row["allowance_account"],
        rewards_account_id=row["rewards_account"],
        create_time=row["create_time"],
    )
