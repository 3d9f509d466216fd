"""Bonuses: written once, settled once, perhaps taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.bonuses import Bonus
from membership.domain.deliveries import Settled
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.store import expiry_watches, queries


async def insert(connection: Connection, program: Program, bonuses: Sequence[Bonus], now: datetime) -> list[Bonus]:
    """Writes bonuses, and answers those that have to be brought to the ledger: one whose points have expired already
    lapses. None of them was written before.
    """
    if not bonuses:
        return []
    states = [
        State.LAPSED if one.expire_time is not None and one.expire_time <= now else State.PENDING for one in bonuses
    ]
    written = await queries.insert_bonuses(
        connection,
        program_no=program.program_no,
        record_time=now,
        bonus_ids=[one.bonus_id for one in bonuses],
        member_nos=[one.member_no for one in bonuses],
        points=[one.points for one in bonuses],
        event_times=[one.event_time for one in bonuses],
        expire_times=[one.expire_time for one in bonuses],
        memos=[one.memo for one in bonuses],
        states=states,
        available_times=[one.available_time for one in bonuses],
        held=[one.held for one in bonuses],
        unit_ids=[one.unit for one in bonuses],
    )
    assert written == len(bonuses), "what a bonus is given for is decided once, under the lock on a row"
    await expiry_watches.watch(connection, program, ((one.member_no, one.expire_time) for one in bonuses), now)
    return [one for one, state in zip(bonuses, states, strict=True) if state is State.PENDING]


async def due(connection: Connection, program_no: int, bonus_ids: Sequence[str]) -> list[Bonus]:
    """Those of `bonus_ids` that still have to reach the ledger, or to be taken back there."""
    rows = queries.bonuses_to_deliver(
        connection, program_no=program_no, bonus_ids=bonus_ids, pending=State.PENDING, posted=State.POSTED
    )
    return [Bonus(*row) async for row in rows]


async def settle(connection: Connection, program: Program, settled: Iterable[tuple[Bonus, Settled]]) -> None:
    """Keeps the transactions of bonuses, or that they have lapsed."""
    pairs = sorted((one.bonus_id, how.transaction or None) for one, how in settled)
    await queries.settle_bonuses(
        connection,
        program_no=program.program_no,
        bonus_ids=[bonus_id for bonus_id, _ in pairs],
        states=[State.POSTED if transaction else State.LAPSED for _, transaction in pairs],
        transaction_ids=[transaction for _, transaction in pairs],
        pending=State.PENDING,
    )


async def revoke(connection: Connection, program: Program, bonus_ids: Sequence[str], *, late: bool) -> list[str]:
    """Has those of `bonus_ids` taken back that were given and are not yet; answers them."""
    rows = queries.revoke_bonuses(connection, program_no=program.program_no, bonus_ids=bonus_ids, late=late)
    return sorted([row["bonus_id"] async for row in rows])


async def settle_revoked(connection: Connection, program: Program, reversed_points: Mapping[str, int]) -> None:
    """Keeps how many points of bonuses were taken back in the ledger."""
    await queries.settle_revoked(
        connection,
        program_no=program.program_no,
        bonus_ids=list(reversed_points),
        reversed_points=list(reversed_points.values()),
    )


async def units_of(connection: Connection, member_nos: Sequence[int]) -> list[str]:
    """The units of the wallets that members, or those who were merged into them, have from their awards."""
    return [row["unit_id"] async for row in queries.wallet_units_of(connection, member_nos=member_nos)]
