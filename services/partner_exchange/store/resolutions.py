"""Resolutions, as rows. Whoever writes one holds the exchange's lock."""

from __future__ import annotations

import asyncpg

from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection
from partner_exchange.domain.book import Person
from partner_exchange.domain.exchanges import State
from partner_exchange.domain.resolutions import Outcome, Resolution
from partner_exchange.store import queries


async def insert(connection: Connection, proposed: Resolution) -> int:
    """Keeps a proposal under the next number, which is answered."""
    row = await queries.insert_resolution(
        connection,
        exchange=proposed.exchange_id,
        reversal=proposed.reversal_id or None,
        state=proposed.state.value,
        outcome=proposed.outcome.value,
        reason=proposed.reason,
        proposer=proposed.proposer.actor,
        proposer_person=proposed.proposer.subject,
        propose_time=proposed.propose_time,
    )
    number: int = row["number"]
    return number


async def get(connection: Connection, sender: str, exchange_id: str, number: int) -> tuple[Resolution, int]:
    """A resolution, and the number of the newest of its exchange.

    Raises:
        NotFound: there is none.
    """
    row = await queries.find_resolution(connection, exchange=exchange_id, number=number)
    if row is None or row["sender"] != sender:
        raise NotFound(f"partners/{sender}/exchanges/{exchange_id}/resolutions/{number}")
    return _resolution(row), row["newest"]


async def approve(connection: Connection, approved: Resolution) -> None:
    """Keeps who approved it."""
    assert approved.approver is not None
    await queries.approve_resolution(
        connection,
        exchange=approved.exchange_id,
        number=approved.number,
        approver=approved.approver.actor,
        approver_person=approved.approver.subject,
        approve_time=approved.approve_time,
    )


def _resolution(row: asyncpg.Record) -> Resolution:
    approver = None if row["approver"] is None else Person(row["approver"], row["approver_person"])
    return Resolution(
        number=row["number"],
        exchange_id=row["exchange"],
        sender=row["sender"],
        state=State(row["state"]),
        outcome=Outcome(row["outcome"]),
        reversal_id=row["reversal"] or "",
        reason=row["reason"],
        proposer=Person(row["proposer"], row["proposer_person"]),
        propose_time=row["propose_time"],
        approver=approver,
        approve_time=row["approve_time"],
    )
