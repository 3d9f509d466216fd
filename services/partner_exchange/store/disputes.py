"""Disputes, as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from guerdon_kit.postgres import Connection
from partner_exchange.domain.disputes import Adjustment, Dispute, DisputeState, Outcome
from partner_exchange.store import queries


async def insert(connection: Connection, new: Dispute, actor: str) -> bool:
    """Keeps a new dispute; False where the exchange has one that is not decided."""
    return bool(
        await queries.insert_dispute(
            connection,
            dispute=new.dispute_id,
            exchange=new.exchange_id,
            coalition=new.coalition_id,
            opener=new.opener,
            respondent=new.respondent,
            claim=new.claim,
            answer_deadline=new.answer_deadline,
            actor=actor,
            create_time=new.create_time,
        )
    )


async def find(connection: Connection, dispute_id: str) -> Dispute | None:
    """The dispute as it is now."""
    row = await queries.find_dispute(connection, dispute=dispute_id)
    return None if row is None else _dispute(row)


async def lock(connection: Connection, dispute_id: str) -> Dispute | None:
    """The dispute, which nobody else changes until the transaction ends."""
    row = await queries.lock_dispute(connection, dispute=dispute_id)
    return None if row is None else _dispute(row)


async def answer(connection: Connection, dispute_id: str, words: str, answer_time: datetime) -> None:
    """From OPEN to ANSWERED."""
    await queries.answer_dispute(connection, dispute=dispute_id, answer=words, answer_time=answer_time)


async def withdraw(connection: Connection, dispute_id: str, end_time: datetime) -> None:
    """To WITHDRAWN."""
    await queries.withdraw_dispute(connection, dispute=dispute_id, end_time=end_time)


async def reject(connection: Connection, dispute_id: str, ruling: str, resolver: str, end_time: datetime) -> None:
    """To RESOLVED: the exchange stands."""
    await queries.reject_dispute(connection, dispute=dispute_id, ruling=ruling, resolver=resolver, end_time=end_time)


async def adjust(
    connection: Connection, dispute: Dispute, adjustment: Adjustment, ruling: str, resolver: str, end_time: datetime
) -> None:
    """To RESOLVED: the payer owes the other one, in the window that is open."""
    await queries.adjust_dispute(
        connection,
        dispute=dispute.dispute_id,
        payer=adjustment.payer,
        payee=dispute.respondent if adjustment.payer == dispute.opener else dispute.opener,
        amount=adjustment.minor_units,
        ruling=ruling,
        resolver=resolver,
        end_time=end_time,
    )


async def begin_resolving(
    connection: Connection, dispute_id: str, ruling: str, resolver: str, reversal_id: str
) -> None:
    """To RESOLVING: until the reversal has ended."""
    await queries.begin_resolving(
        connection, dispute=dispute_id, ruling=ruling, resolver=resolver, reversal=reversal_id
    )


async def lock_waiting_for(connection: Connection, reversal_id: str) -> Dispute | None:
    """The dispute that is RESOLVING by the reversal, if there is one, as `lock`."""
    row = await queries.lock_dispute_of(connection, reversal=reversal_id)
    return None if row is None else _dispute(row)


async def reversal_ended(connection: Connection, dispute_id: str, end_time: datetime, *, committed: bool) -> None:
    """From RESOLVING to RESOLVED, or to where it was before."""
    if committed:
        await queries.reversed_dispute(connection, dispute=dispute_id, end_time=end_time)
    else:
        await queries.not_reversed_dispute(connection, dispute=dispute_id)


async def newest(connection: Connection, partner_id: str, before: tuple[datetime, str], most: int) -> list[Dispute]:
    """The disputes of a partner, newest first, from before the given time and id."""
    rows = queries.list_disputes(
        connection, partner=partner_id, before_time=before[0], before_dispute=before[1], most=most
    )
    return [_dispute(row) async for row in rows]


async def waiting(connection: Connection, coalition_id: str, after: tuple[datetime, str], most: int) -> list[Dispute]:
    """The disputes of a coalition that are not decided, oldest first, from after the given time and id."""
    rows = queries.list_open_disputes(
        connection, coalition=coalition_id, after_time=after[0], after_dispute=after[1], most=most
    )
    return [_dispute(row) async for row in rows]


def _dispute(row: asyncpg.Record) -> Dispute:
    return Dispute(
        dispute_id=row["dispute"],
        exchange_id=row["exchange"],
        coalition_id=row["coalition"],
        opener=row["opener"],
        respondent=row["respondent"],
        claim=row["claim"],
        create_time=row["create_time"],
        answer_deadline=row["answer_deadline"],
        state=DisputeState(row["state"]),
        answer=row["answer"],
        answer_time=row["answer_time"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        ruling=row["ruling"],
        reversal_id=row["reversal"],
        adjustment=None if row["amount"] is None else Adjustment(row["payer"], row["amount"]),
        end_time=row["end_time"],
    )
