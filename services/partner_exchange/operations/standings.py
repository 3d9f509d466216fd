"""Where exchanges stand, and whose they are; what is asked for at the same time is read at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guerdon_kit.errors import NotFound
from guerdon_kit.gathering import Gathering
from guerdon_kit.postgres import Database
from partner_exchange.domain.exchanges import Exchange
from partner_exchange.domain.partners import Partner
from partner_exchange.store import exchanges, partners


@dataclass(frozen=True, slots=True)
class Standing:
    """An exchange with its two partners."""

    exchange: Exchange
    sender: Partner
    receiver: Partner
    currency: str
    """In which they settle."""


class Standings:
    """Reads exchanges with their partners."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathering = Gathering(self._read, lambda exchange_id: [exchange_id])

    async def get(self, exchange_id: str) -> Standing:
        """Where an exchange stands.

        Raises:
            NotFound: there is none.
        """
        return await self._gathering.do((), exchange_id)

    async def of(self, found: Sequence[Exchange]) -> list[Standing]:
        """Exchanges with their partners, in their order."""
        if not found:
            return []
        sides = {side for exchange in found for side in (exchange.sender, exchange.receiver)}
        coalition_ids = {exchange.coalition_id for exchange in found}
        async with self._database.acquire() as connection:
            brands = await partners.find(connection, sorted(sides))
            currencies = {one: (await partners.coalition(connection, one)).currency for one in coalition_ids}
        return [Standing(one, brands[one.sender], brands[one.receiver], currencies[one.coalition_id]) for one in found]

    async def _read(self, _key: tuple[()], exchange_ids: Sequence[str]) -> list[Standing | Exception]:
        async with self._database.acquire() as connection:
            found = await exchanges.find(connection, exchange_ids)
        standing = {one.exchange.exchange_id: one for one in await self.of(list(found.values()))}
        return [standing.get(one) or NotFound(f"exchanges/{one}") for one in exchange_ids]
