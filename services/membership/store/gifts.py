"""Rewards that rules give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from asyncpg import Record

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.flags import FlagState
from membership.domain.gifts import Gift, GiftState, NewGift
from membership.domain.program import Program
from membership.store import queries

Key = tuple[int, str]
"""A program's number, and the id of what is given."""


async def insert(connection: Connection, program: Program, new: Sequence[NewGift], now: datetime, actor: str) -> None:
    """Has rewards given; in the transaction that records what they are given for."""
    if new:
        await queries.insert_gifts(
            connection,
            program_no=program.program_no,
            actor=actor,
            now=now,
            gift_ids=[one.gift_id for one in new],
            member_nos=[one.member_no for one in new],
            rewards=[one.reward for one in new],
            purchase_ids=[one.purchase_id for one in new],
            rule_ids=[one.rule_id for one in new],
            award_nos=[one.award_no for one in new],
        )


async def of_purchases(
    connection: Connection, program_no: int, purchase_ids: Sequence[str]
) -> dict[str, tuple[Gift, ...]]:
    """The rewards of purchases, by their ids."""
    found: dict[str, tuple[Gift, ...]] = {}
    async for row in queries.gifts_of_purchases(connection, program_no=program_no, purchase_ids=purchase_ids):
        one = _gift(row)
        assert one.purchase_id is not None, "it is asked for by its purchase"
        found[one.purchase_id] = (*found.get(one.purchase_id, ()), one)
    return found


async def find(connection: Connection, key: Key) -> Gift | None:
    """A reward that is given."""
    program_no, gift_id = key
    row = await queries.find_gift(connection, program_no=program_no, gift_id=gift_id)
    return None if row is None else _gift(row)


async def overdue(connection: Connection, program: Program, after: str, most: int) -> list[Gift]:
    """Rewards of which the catalog has not said for too long what became of them, after one of them."""
    rows = queries.overdue_gifts(connection, program_no=program.program_no, after=after, most=most)
    return [_gift(row) async for row in rows]


async def hold(connection: Connection, gift: Gift) -> bool:
    """Whether a reward is still as it was, and not asked for. Nobody else moves it, or has it called off, until the
    transaction ends.
    """
    row = await queries.lock_gift(connection, program_no=gift.program_no, gift_id=gift.gift_id, state=gift.state)
    return row is not None and row["ask_time"] is None


async def ask(connection: Connection, gift: Gift, now: datetime) -> None:
    """Keeps that the catalog is asked for a reward, before it is."""
    await queries.ask_gift(connection, program_no=gift.program_no, gift_id=gift.gift_id, now=now)


async def move(connection: Connection, before: Gift, after: Gift) -> bool:
    """Writes what became of a reward; False where something else was written meanwhile."""
    moved: int = await queries.move_gift(
        connection,
        program_no=before.program_no,
        gift_id=before.gift_id,
        from_state=before.state,
        was_overdue=before.overdue,
        state=after.state,
        redemption=after.redemption,
        reason=after.reason,
        overdue=after.overdue,
        due_time=None if after.settled or after.overdue else after.since,
        since=after.since,
        ended_by=after.ended_by,
    )
    return moved > 0


async def take_back(connection: Connection, program: Program, gift_ids: Sequence[str], now: datetime) -> None:
    """Has rewards called off; the writer holds the member's row."""
    if gift_ids:
        await queries.lock_gifts(connection, program_no=program.program_no, gift_ids=gift_ids)
        await queries.take_gifts_back(connection, program_no=program.program_no, gift_ids=gift_ids, now=now)


async def take_welcome_back(connection: Connection, member_no: int, now: datetime) -> None:
    """Has a person whose memberships were merged keep one reward for enrolling; the writer holds their rows."""
    await queries.take_welcome_gifts_back(connection, member_no=member_no, now=now)


async def move_to(connection: Connection, program: Program, moved: Mapping[str, str]) -> None:
    """Sets for which purchases rewards are given, by their ids; the writer holds their member's row."""
    if moved:
        await queries.move_gifts_to(
            connection,
            program_no=program.program_no,
            gift_ids=list(moved),
            purchase_ids=list(moved.values()),
        )


async def called_off(connection: Connection, gift: Gift) -> list[tuple[str, GiftState]]:
    """The rewards of a member by the rule of one that is for a count, that were called off and not taken back, unless
    they stand for another one: their ids and how far that has come. None comes in between until the transaction ends.
    """
    rows = queries.gifts_called_off(connection, program_no=gift.program_no, gift_id=gift.gift_id)
    return [(row["gift_id"], GiftState(row["state"])) async for row in rows]


async def stand_for(connection: Connection, gift: Gift, earlier: str) -> None:
    """Has an earlier reward that was kept stand for another one."""
    await queries.stand_for_gift(connection, program_no=gift.program_no, gift_id=earlier, stands_for=gift.gift_id)


async def wake(connection: Connection, program: Program, purchase_id: str, now: datetime) -> None:
    """Has what is due of a purchase's rewards done at once."""
    await queries.wake_gifts(connection, program_no=program.program_no, purchase_id=purchase_id, now=now)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[Key]]:
    """Claims rewards of which something is due, until `lease_end`."""
    rows = queries.claim_gifts(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program_no"], row["gift_id"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Sets when a reward is asked for again."""
    program_no, gift_id = key
    await queries.put_off_gift(connection, program_no=program_no, gift_id=gift_id, due_time=due_time)


def _gift(row: Record) -> Gift:
    kept = {**dict(row), "state": GiftState(row["state"])}
    kept["flag"] = None if row["flag"] is None else FlagState(row["flag"])
    return Gift(**kept)
