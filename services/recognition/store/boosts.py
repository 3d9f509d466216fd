"""What people are granted besides in every period, as rows."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.postgres import Connection
from recognition.domain.allowances import Boost
from recognition.store import queries


async def save(connection: Connection, boost: Boost, actor: str, update_time: datetime) -> None:
    """Sets a person's boost."""
    await queries.save_boost(
        connection,
        organisation=boost.organisation,
        person=boost.person,
        amount=boost.amount,
        reason=boost.reason,
        actor=actor,
        update_time=update_time,
    )


async def find(connection: Connection, organisation: str, person: str) -> Boost:
    """The person's boost, of 0 where none was ever set."""
    row = await queries.find_boost(connection, organisation=organisation, person=person)
    return Boost(organisation, person, row["amount"], row["reason"]) if row else Boost(organisation, person, 0, "")
