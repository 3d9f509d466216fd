"""Paused corridors, as rows."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.postgres import Connection
from partner_exchange.domain.limits import Pause
from partner_exchange.store import queries


async def pause_of(connection: Connection, sender: str, receiver: str) -> Pause | None:
    """Why, and since when, a corridor is paused; None: it is not."""
    row = await queries.find_pause(connection, sender=sender, receiver=receiver)
    return None if row is None else Pause(row["reason"], row["pause_time"])


async def pause(connection: Connection, sender: str, receiver: str, new: Pause, actor: str) -> bool:
    """Pauses a corridor; False where it is paused already."""
    return bool(
        await queries.pause_corridor(
            connection, sender=sender, receiver=receiver, pause_time=new.pause_time, reason=new.reason, actor=actor
        )
    )


async def resume(connection: Connection, sender: str, receiver: str, resume_time: datetime, actor: str) -> bool:
    """Ends the pause of a corridor; False where it has none."""
    return bool(
        await queries.resume_corridor(
            connection, sender=sender, receiver=receiver, resume_time=resume_time, resume_actor=actor
        )
    )
