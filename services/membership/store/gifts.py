"""Rewards that rules give for purchases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from membership.domain.flags import FlagState
from membership.domain.gifts import Gift, GiftState
from membership.store import queries

Key = tuple[int, str, str]
"""A program's number, a purchase's id and a rule's."""


async def insert(
    connection: Connection, program_no: int, gifts: Sequence[tuple[str, str, str]], now: datetime, actor: str
) -> None:
    """Has rewards given, each by the ids of its purchase, its rule and itself; in the transaction that records them."""
    if gifts:
        purchase_ids, rule_ids, rewards = zip(*gifts, strict=True)
        await queries.insert_gifts(
            connection,
            program_no=program_no,
            actor=actor,
            due_time=now,
            purchase_ids=purchase_ids,
            rule_ids=rule_ids,
            rewards=rewards,
        )


async def of_purchases(
    connection: Connection, program_no: int, purchase_ids: Sequence[str]
) -> dict[str, tuple[Gift, ...]]:
    """The rewards of purchases, by their ids."""
    found: dict[str, tuple[Gift, ...]] = {}
    async for row in queries.gifts_of_purchases(connection, program_no=program_no, purchase_ids=purchase_ids):
        one = Gift(**{**dict(row), "state": GiftState(row["state"]), "flag": _flag(row["flag"])})
        found[one.purchase_id] = (*found.get(one.purchase_id, ()), one)
    return found


def _flag(state: int | None) -> FlagState | None:
    return None if state is None else FlagState(state)


async def find(connection: Connection, key: Key) -> Gift | None:
    """A reward that is given."""
    program_no, purchase_id, rule_id = key
    found = (await of_purchases(connection, program_no, [purchase_id])).get(purchase_id, ())
    return next((one for one in found if one.rule_id == rule_id), None)


async def move(connection: Connection, before: Gift, after: Gift) -> bool:
    """Writes what became of a reward for good; False where something else was written meanwhile."""
    moved: int = await queries.move_gift(
        connection,
        program_no=before.program_no,
        purchase_id=before.purchase_id,
        rule_id=before.rule_id,
        from_state=before.state,
        state=after.state,
        redemption=after.redemption,
        reason=after.reason,
    )
    return moved > 0


async def take_back(
    connection: Connection, program_no: int, purchase_id: str, rule_ids: Sequence[str], now: datetime
) -> None:
    """Has rewards called off that rules gave; the writer holds the member's row."""
    if rule_ids:
        await queries.take_gifts_back(
            connection, program_no=program_no, purchase_id=purchase_id, rule_ids=rule_ids, now=now
        )


async def wake(connection: Connection, program_no: int, purchase_id: str) -> None:
    """Has what is due of a purchase's rewards done at once."""
    await queries.wake_gifts(connection, program_no=program_no, purchase_id=purchase_id)


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[Key]]:
    """Claims rewards of which something is due, until `lease_end`."""
    rows = queries.claim_gifts(connection, now=now, lease_end=lease_end, most=most)
    return [Claim((row["program_no"], row["purchase_id"], row["rule_id"]), row["attempts"]) async for row in rows]


async def put_off(connection: Connection, key: Key, due_time: datetime) -> None:
    """Sets when a reward is asked for again."""
    program_no, purchase_id, rule_id = key
    await queries.put_off_gift(
        connection, program_no=program_no, purchase_id=purchase_id, rule_id=rule_id, due_time=due_time
    )
