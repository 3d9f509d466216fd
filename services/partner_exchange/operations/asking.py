"""Who asks for a write."""

from __future__ import annotations

from dataclasses import dataclass

from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database, requests


@dataclass(frozen=True, slots=True)
class Asking:
    """The request, whom it is booked to, and until when (`time.monotonic()`) it is waited for."""

    fingerprint: Fingerprint
    actor: str
    until: float


async def recorded(database: Database, asking: Asking) -> bytes | None:
    """The outcome of the request where it was sent before: for what has to be done outside of its transaction.

    Raises:
        RequestIdReused, ReplayedRefusal: as `requests.find`.
    """
    async with database.acquire() as connection:
        return await requests.find(connection, asking.fingerprint)
