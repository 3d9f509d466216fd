"""Counting: the one place where the points of a recognition are written down as moved."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.postgres import Connection
from recognition.domain.gifts import Movement
from recognition.store import movements as store


async def count(connection: Connection, movements: Sequence[Movement]) -> None:
    """Writes down what one change of a recognition has moved, in the transaction that settles the change: each movement
    comes by here once, whoever is killed.
    """
    await store.insert(connection, movements)
