"""Personal data of members, and what they are found by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from asyncpg import Record

from guerdon_kit.postgres import Connection, Rerun
from guerdon_kit.postgres.requests import forget
from membership.domain.members import Member
from membership.domain.profiles import Contact, Kind, Profile
from membership.domain.program import Program
from membership.store import members, queries


class Exported(NamedTuple):
    """A member as a file has it; `profile` is None where nothing is known."""

    member_id: str
    enroll_time: datetime
    profile: Profile | None


async def of(connection: Connection, member_nos: Sequence[int]) -> dict[int, Profile]:
    """Profiles by member number; those of whom nothing is known are absent."""
    rows = queries.profiles_of(connection, member_nos=member_nos)
    return {row["member_no"]: _profile(row) async for row in rows}


async def owners(connection: Connection, program: Program, wanted: Iterable[Contact]) -> dict[Contact, int]:
    """Which members, by number, have these contacts now."""
    asked = sorted(set(wanted))
    if not asked:
        return {}
    rows = queries.owners(
        connection,
        program_no=program.program_no,
        kinds=[one.kind for one in asked],
        values=[one.value for one in asked],
    )
    return {Contact(Kind(row["kind"]), row["value"]): row["member_no"] async for row in rows}


async def write(connection: Connection, program: Program, profiles: Mapping[int, Profile]) -> None:
    """Sets the profiles of members, whose rows the writer holds, and their contacts, which nobody else had when the
    writer looked.

    Raises:
        Rerun: another transaction took one of the contacts meanwhile.
    """
    rows = sorted(profiles.items())
    await queries.write_profiles(
        connection,
        member_nos=[member_no for member_no, _ in rows],
        cards=["\n".join(one.cards) for _, one in rows],
        phones=[one.phone for _, one in rows],
        emails=[one.email for _, one in rows],
        external_ids=[one.external_id for _, one in rows],
        display_names=[one.display_name for _, one in rows],
        birth_dates=[one.birth_date for _, one in rows],
        sales_associates=[one.sales_associate for _, one in rows],
        region_codes=[one.region_code for _, one in rows],
    )
    before = queries.contacts_of(connection, member_nos=list(profiles))
    have = {(Kind(row["kind"]), row["value"], row["member_no"]) async for row in before}
    want = {(kind, value, number) for number, profile in profiles.items() for kind, value in profile.contacts()}
    if have - want:
        await queries.give_up_contacts(connection, **_columns(program, have - want))
    if want - have and await queries.insert_contacts(connection, **_columns(program, want - have)) < len(want - have):
        raise Rerun


async def find(connection: Connection, program: Program, contact: Contact) -> Member | None:
    """The member who has a contact."""
    row = await queries.find_by_contact(
        connection, program_no=program.program_no, kind=contact.kind, value=contact.value
    )
    return None if row is None else members.read(row)


async def link(connection: Connection, member_nos: Sequence[int], key: bytes) -> None:
    """Keeps that a request, by the key of its record, brought personal data of members; forgets of which requests the
    records are gone.
    """
    await queries.unlink_old_requests(connection, member_nos=member_nos, key=key)
    await queries.link_request(connection, member_nos=member_nos, key=key)


async def free_contacts(connection: Connection, member_no: int) -> None:
    """Gives a member's contacts free for others."""
    await queries.free_contacts(connection, member_no=member_no)


async def give_up(connection: Connection, member_no: int) -> list[Contact]:
    """Deletes what is known of a member, which another one has from now on; answers the contacts it ever had."""
    rows = queries.contacts_ever(connection, member_no=member_no)
    had = [Contact(Kind(row["kind"]), row["value"]) async for row in rows]
    await queries.erase_profile(connection, member_no=member_no)
    return had


async def remember(connection: Connection, program: Program, member_no: int, contacts: Sequence[Contact]) -> None:
    """Keeps contacts that a member had under another id as such that it had."""
    await queries.remember_contacts(
        connection,
        program_no=program.program_no,
        member_no=member_no,
        kinds=[one.kind for one in contacts],
        values=[one.value for one in contacts],
    )


async def erase(connection: Connection, member_no: int) -> None:
    """Deletes all personal data of a member, and the records of the requests that brought it."""
    await queries.erase_profile(connection, member_no=member_no)
    await forget(connection, [row["key"] async for row in queries.unlink_requests(connection, member_no=member_no)])


async def export(connection: Connection, program: Program, after: str, most: int) -> list[Exported]:
    """Members that are neither closed nor erased, in the order of their ids, from behind `after`."""
    rows = queries.export_members(connection, program_no=program.program_no, after=after, most=most)
    return [
        Exported(row["member_id"], row["enroll_time"], None if row["member_no"] is None else _profile(row))
        async for row in rows
    ]


def _columns(program: Program, contacts: Iterable[tuple[Kind, str, int]]) -> dict[str, object]:
    kinds, values, member_nos = zip(*sorted(contacts), strict=True)
    return {"program_no": program.program_no, "kinds": kinds, "values": values, "member_nos": member_nos}


def _profile(row: Record) -> Profile:
    return Profile(
        cards=tuple(row["cards"]),
        phone=row["phone"],
        email=row["email"],
        external_id=row["external_id"],
        display_name=row["display_name"],
        birth_date=row["birth_date"],
        sales_associate=row["sales_associate"],
        region_code=row["region_code"],
    )
