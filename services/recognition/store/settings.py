"""How an organisation's recognitions are kept, as rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from guerdon_kit.postgres import Connection
from recognition.domain.editing import WINDOW_DEFAULT
from recognition.store import queries


async def edit_window(connection: Connection, organisation: str) -> timedelta:
    """How long after it was given a recognition can be edited."""
    found: timedelta | None = await queries.edit_window(connection, organisation=organisation)
    return WINDOW_DEFAULT if found is None else found


async def set_edit_window(
    connection: Connection, organisation: str, window: timedelta, actor: str, update_time: datetime
) -> None:
    """Writes it down."""
    await queries.set_edit_window(
        connection, organisation=organisation, edit_window=window, actor=actor, update_time=update_time
    )
