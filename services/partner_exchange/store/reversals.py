"""Reversals, as rows. What moves one on takes it as the exchange the other way that it is, and does nothing, and says
so, where somebody else has moved it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from guerdon_kit.saga import Claim
from partner_exchange.domain.exchanges import Attempt, Commitment, Exchange, Leg, Refusal, State
from partner_exchange.domain.reversals import Reversal
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


async def insert(connection: Connection, new: Reversal, asked: str | None, due_time: datetime) -> None:
    """Keeps a new reversal, in which `asked`, if anybody remote, is asked first; the recovery loop takes it up at
    `due_time` if it is not at its end.
    """
    await queries.insert_reversal(
        connection,
        reversal=new.reversal_id,
        exchange=new.exchange_id,
        returned=new.returned,
        taken_back=new.taken_back,
        promoted_back=new.promoted_back,
        legs=legs_to_keep(new.legs),
        reason=new.reason,
        state=new.state.value,
        asked=asked,
        actor=new.actor,
        create_time=new.create_time,
        due_time=due_time,
    )


async def get(connection: Connection, reversal_id: str) -> Reversal:
    """The reversal as it is now.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_reversal(connection, reversal=reversal_id)
    if row is None:
        raise NotFound(f"reversals/{reversal_id}")
    return _reversal(row)


async def lock(connection: Connection, reversal_id: str) -> Reversal:
    """The reversal, which nobody else moves until the transaction ends. The exchange's lock comes first.

    Raises:
        NotFound: there is none.
    """
    await queries.lock_reversal(connection, reversal=reversal_id)
    return await get(connection, reversal_id)


async def is_under_way(connection: Connection, exchange_id: str) -> bool:
    """Whether a reversal of an exchange is not at its end."""
    return bool(await queries.reversal_under_way(connection, exchange=exchange_id))


async def of_exchange(connection: Connection, exchange_id: str, most: int) -> list[Reversal]:
    """The reversals of an exchange, oldest first."""
    return [_reversal(row) async for row in queries.reversals_of_exchange(connection, exchange=exchange_id, most=most)]


async def before_operator(
    connection: Connection, coalition_id: str, after: tuple[datetime, str], most: int
) -> list[Reversal]:
    """The reversals of a coalition that are before the operator, oldest first, from after the given time and id."""
    rows = queries.reversals_before_operator(
        connection, coalition=coalition_id, after_time=after[0], after_reversal=after[1], most=most
    )
    return [_reversal(row) async for row in rows]


async def move(
    connection: Connection,
    before: State,
    exchange: Exchange,
    asked: str | None,
    *,
    now: datetime,
    due_time: datetime,
    latest_asked: datetime | None,
    sources: Sequence[Leg] = (),
) -> bool:
    """As `exchanges.move`. The expiries of what is taken back are not kept: it does not come back."""
    refusal = exchange.refusal
    return bool(
        await queries.move_reversal(
            connection,
            reversal=exchange.exchange_id,
            before=before.value,
            state=exchange.state.value,
            reservation=exchange.reservation,
            credit=exchange.credit,
            refusal_reason=None if refusal is None else refusal.reason,
            refusal_metadata=None if refusal is None else refusal.metadata,
            asked=asked,
            now=now,
            due_time=due_time,
            ask_time=latest_asked,
        )
    )


async def not_answered(connection: Connection, exchange: Exchange, *, needs_operator: bool) -> bool:
    """As `exchanges.not_answered`."""
    row = await queries.reversal_not_answered(
        connection, reversal=exchange.exchange_id, state=exchange.state.value, needs_operator=needs_operator
    )
    return row is not None and row["newly"]


async def ask_again(connection: Connection, exchange: Exchange, ask_time: datetime) -> Attempt | None:
    """Keeps that the ledger is asked, before it is; None where the reversal is no longer in its state."""
    row = await queries.ask_reversal_again(
        connection, reversal=exchange.exchange_id, state=exchange.state.value, ask_time=ask_time
    )
    return None if row is None else Attempt(row["ask_time"], row["asked_before"])


async def answered(connection: Connection, exchange: Exchange, attempt: Attempt) -> None:
    """As `exchanges.answered`."""
    await queries.reversal_answered(
        connection, reversal=exchange.exchange_id, state=exchange.state.value, ask_time=attempt.ask_time
    )


async def commit(connection: Connection, before: State, reversal_id: str, commitment: Commitment) -> bool:
    """From POSTING or CREDITED to COMMITTED."""
    return bool(
        await queries.commit_reversal(
            connection,
            reversal=reversal_id,
            before=before.value,
            transaction=commitment.transaction,
            commit_time=commitment.commit_time,
        )
    )


async def abort(
    connection: Connection, before: State, reversal_id: str, refusal: Refusal, latest_asked: datetime | None
) -> bool:
    """From a state before to ABORTED. With `latest_asked` only where no attempt has begun after that one."""
    return bool(
        await queries.abort_reversal(
            connection,
            reversal=reversal_id,
            before=before.value,
            refusal_reason=refusal.reason,
            refusal_metadata=refusal.metadata,
            ask_time=latest_asked,
        )
    )


async def claim(connection: Connection, now: datetime, lease_end: datetime, most: int) -> list[Claim[str]]:
    """Takes up to `most` reversals that are due, for the lease."""
    rows = queries.claim_reversals(connection, now=now, lease_time=lease_end, most=most)
    return [Claim(row["reversal"], row["attempts"]) async for row in rows]


async def claim_asked(
    asked: str, connection: Connection, now: datetime, lease_end: datetime, most: int
) -> list[Claim[str]]:
    """Takes up to `most` reversals in which that remote partner is due to be asked, for the lease."""
    rows = queries.claim_reversals_asked(connection, asked=asked, now=now, lease_time=lease_end, most=most)
    return [Claim(row["reversal"], row["attempts"]) async for row in rows]


async def partners_due(connection: Connection, now: datetime) -> list[str]:
    """The remote partners that are due to be asked something of a reversal."""
    return [row["partner"] async for row in queries.partners_due_for_reversals(connection, now=now)]


async def put_off(connection: Connection, reversal_id: str, due_time: datetime) -> None:
    """Has the recovery loop take the reversal again at `due_time`, unless it is at its end."""
    await queries.postpone_reversal(connection, reversal=reversal_id, due_time=due_time)


def _reversal(row: asyncpg.Record) -> Reversal:
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
        state=State(row["state"]),
        refusal=None if row["refusal_reason"] is None else Refusal(row["refusal_reason"], row["refusal_metadata"]),
        commitment=None if row["commit_time"] is None else Commitment(row["transaction"], row["commit_time"]),
        state_time=row["state_time"],
        reservation=row["reservation"],
        credit=row["credit"],
        unanswered=row["unanswered"],
        needs_operator=row["needs_operator"],
    )
