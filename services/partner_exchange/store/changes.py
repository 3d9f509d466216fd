"""How often what exchanges are made by has changed."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from partner_exchange.store import queries


async def counted(connection: Connection) -> int:
    """The changes so far of partners, coalitions, rate books, limits, link policies and paused corridors."""
    number: int = await queries.counted_changes(connection)
    return number
