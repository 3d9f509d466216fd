"""Advocates: their codes, how many friends of theirs have qualified, and the milestones that these reached."""

from __future__ import annotations

from typing import NamedTuple

from guerdon_kit.postgres import Connection, Rerun
from membership.domain.program import Program
from membership.store import queries

Key = tuple[int, int]
"""The numbers of friend and advocate, under which a referral was claimed."""


class Reached(NamedTuple):
    """A milestone that is reached with a referral, and the bonus for it."""

    friends: int
    prize_id: str
    key: Key


async def give_code(connection: Connection, program: Program, member_no: int, code: str) -> None:
    """Gives a member a code, unless it has one. The writer holds its row.

    Raises:
        Rerun: another member has this code.
    """
    if await queries.insert_advocate(connection, member_no=member_no) and not await queries.insert_referral_code(
        connection, program_no=program.program_no, code=code, member_no=member_no
    ):
        raise Rerun


async def code_of(connection: Connection, member_no: int) -> tuple[str, int] | None:
    """A member's code, and how many friends have qualified; None where the member never asked for one."""
    row = await queries.find_advocate(connection, member_no=member_no)
    return None if row is None else (row["code"], row["friends"])


async def by_code(connection: Connection, program: Program, code: str) -> str | None:
    """The id of the member who has a code, or who stands for the one who had."""
    row = await queries.advocate_by_code(connection, program_no=program.program_no, code=code)
    return None if row is None else str(row["member_id"])


async def count_friend(connection: Connection, advocate_no: int, more: int) -> int:
    """Counts a friend more or less of an advocate, whose row is held from then on; answers how many there are.

    Raises:
        Rerun: the advocate was merged meanwhile.
    """
    friends: int | None = await queries.count_friend(connection, member_no=advocate_no, more=more)
    if friends is None:
        raise Rerun
    return friends


async def take_milestones(connection: Connection, advocate_no: int, friends: int) -> list[str]:
    """Marks an advocate's milestones above so many friends as not reached; answers the ids of the bonuses for them. The
    writer holds the advocate's row.
    """
    rows = queries.take_milestones(connection, member_no=advocate_no, friends=friends)
    return sorted([row["prize_id"] async for row in rows])


async def hold(connection: Connection, *member_nos: int) -> dict[int, int]:
    """How many friends of advocates have qualified; their rows are held until the transaction ends."""
    return {row["member_no"]: row["friends"] async for row in queries.hold_advocates(connection, member_nos=member_nos)}


async def merge(connection: Connection, member_no: int, into: int, friends: int, *, own: bool) -> None:
    """Has `into` be the advocate of a member's friends, by the same codes; one of them is told as its own where it has
    none. The writer holds both rows.
    """
    await queries.delete_advocate(connection, member_no=member_no)
    await queries.merge_advocate(connection, into=into, friends=friends)
    await queries.move_codes(connection, member_no=member_no, into=into, own=own)


async def reached(connection: Connection, member_no: int) -> list[Reached]:
    """The milestones that an advocate has reached, in the order of time."""
    rows = queries.milestones_of_advocate(connection, member_no=member_no)
    return [Reached(row["milestone"], row["prize_id"], (row["friend_no"], row["advocate_no"])) async for row in rows]


async def without_prize(connection: Connection, member_no: int, most: int) -> list[Key]:
    """The latest friends of an advocate with whom no milestone is reached."""
    rows = queries.friends_without_prize(connection, member_no=member_no, most=most)
    return [(row["friend_no"], row["advocate_no"]) async for row in rows]


async def set_milestone(connection: Connection, key: Key, friends: int | None, prize_id: str) -> None:
    """Writes which milestone is reached with a friend, or that none is any more."""
    friend_no, advocate_no = key
    await queries.set_milestone(
        connection, friend_no=friend_no, advocate_no=advocate_no, milestone=friends, prize_id=prize_id
    )
