"""Counting: the one place where the points of a recognition are written down as moved."""

from __future__ import annotations

from collections.abc import Sequence

from guerdon_kit.postgres import Connection
from recognition.domain.gifts import Movement
from recognition.domain.tallies import tallied
from recognition.operations import organisations
from recognition.store import movements as store
from recognition.store import tallies


async def count(connection: Connection, movements: Sequence[Movement]) -> None:
    """Writes down what was moved at one time in one organisation, and counts it, in the transaction that settles what
    moved it: each movement comes by here once, whoever is killed.
    """
    await store.insert(connection, movements)
    await recount(connection, movements)


async def recount(connection: Connection, movements: Sequence[Movement]) -> None:
    """Counts what has not moved but counts otherwise from now on, such as what is no longer seen by everybody."""
    employer = await organisations.find(connection, movements[0].organisation)
    await tallies.change(connection, employer.id, tallied(movements, employer.time_zone))
