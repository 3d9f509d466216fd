"""Reversals, as rows. A move to the next state does nothing, and says so, where somebody else has moved it."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from partner_exchange.domain.exchanges import Attempt, Leg, Posted, Refusal
from partner_exchange.domain.reversals import Reversal, ReversalState
from partner_exchange.store import queries
from partner_exchange.store.exchange_rows import legs_of, legs_to_keep


async def lock_exchange(connection: Connection, exchange_id: str) -> tuple[tuple[Leg, ...], int]:
    """How the debited points of an exchange were to expire, and how many of them have gone back or are about to. Nobody
    else reverses it until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    row = await queries.lock_exchange(connection, exchange=exchange_id)
    if row is None:
        raise NotFound(f"exchanges/{exchange_id}")
    return legs_of(row["sources"]), row["returned"]


async def count_returned(connection: Connection, exchange_id: str, points: int) -> None:
    """Counts points of an exchange that go back, or, below 0, do not after all."""
    await queries.count_returned(connection, exchange=exchange_id, points=points)


async def insert(connection: Connection, new: Reversal, due_time: datetime) -> None:
    """Keeps a new reversal; the recovery loop takes it up at `due_time` if it is not at its end."""
    await queries.insert_reversal(
        connection,
        reversal=new.reversal_id,
        exchange=new.exchange_id,
        returned=new.returned,
        taken_back=new.taken_back,
        promoted_back=new.promoted_back,
        legs=legs_to_keep(new.legs),
        reason=new.reason,
        actor=new.actor,
        create_time=new.create_time,
        due_time=due_time,
    )


async def get(connection: Connection, reversal_id: str) -> Reversal:
    """The reversal as it is now."""
    return _reversal(await queries.find_reversal(connection, reversal=reversal_id))


async def is_under_way(connection: Connection, exchange_id: str) -> bool:
    """Whether a reversal of an exchange is not at its end."""
    return bool(await queries.reversal_under_way(connection, exchange=exchange_id))


async def of_exchange(connection: Connection, exchange_id: str, most: int) -> list[Reversal]:
    """The reversals of an exchange, oldest first."""
    return [_reversal(row) async for row in queries.reversals_of_exchange(connection, exchange=exchange_id, most=most)]


async def ask(connection: Connection, reversal_id: str, ask_time: datetime) -> Attempt | None:
    """Keeps that the ledger is asked, before it is; None where the reversal is at its end."""
    row = await queries.ask_reversal(connection, reversal=reversal_id, ask_time=ask_time)
    return None if row is None else Attempt(row["ask_time"], row["asked_before"])


async def commit(connection: Connection, reversal_id: str, posted: Posted) -> bool:
    """From POSTING to COMMITTED."""
    return bool(
        await queries.commit_reversal(
            connection, reversal=reversal_id, transaction=posted.transaction, commit_time=posted.record_time
        )
    )


async def abort(connection: Connection, reversal_id: str, refusal: Refusal, latest_asked: datetime | None) -> bool:
    """From POSTING to ABORTED. With `latest_asked` only where no attempt has begun after that one."""
    return bool(
        await queries.abort_reversal(
            connection,
            reversal=reversal_id,
            refusal_reason=refusal.reason,
            refusal_metadata=refusal.metadata,
            ask_time=latest_asked,
        )
    )


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[str]]:
    """Takes up to `most` reversals that are due, for the lease."""
    rows = queries.claim_reversals(connection, now=now, lease_time=lease_end, most=most)
    return [Claim(row["reversal"], row["attempts"]) async for row in rows]


async def put_off(connection: Connection, reversal_id: str, due_time: datetime) -> None:
    """Has the recovery loop take the reversal again at `due_time`, unless it is at its end."""
    await queries.postpone_reversal(connection, reversal=reversal_id, due_time=due_time)


def _reversal(row: asyncpg.Record) -> Reversal:
    refusal = None
    if row["refusal_reason"] is not None:
        refusal = Refusal(row["refusal_reason"], row["refusal_metadata"])
    return Reversal(
        reversal_id=row["reversal"],
        exchange_id=row["exchange"],
        returned=row["returned"],
        taken_back=row["taken_back"],
        promoted_back=row["promoted_back"],
        legs=legs_of(row["legs"]),
        reason=row["reason"],
        actor=row["actor"],
        create_time=row["create_time"],
        state=ReversalState(row["state"]),
        refusal=refusal,
        commit_time=row["commit_time"],
    )
