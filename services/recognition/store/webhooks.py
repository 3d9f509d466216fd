"""What organisations are told, as far as it is taken back."""

from __future__ import annotations

from collections.abc import Collection

from guerdon_kit.postgres import Connection
from recognition.store import queries


async def forget(connection: Connection, organisations: Collection[str], recognitions: Collection[str]) -> None:
    """Keeps from being sent, or sent again, what the organisations were told of recognitions, by their names."""
    await queries.forget_told(connection, organisations=list(organisations), recognitions=list(recognitions))
