"""The currencies of the units that wallets are of."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from rewards_catalog.store import queries


async def currency_of(connection: Connection, program: str, unit: str, otherwise: str) -> str:
    """The currency of a unit's wallets, for ever; from now on `otherwise`, where it had none."""
    await queries.insert_wallet_unit(connection, program=program, unit=unit, currency=otherwise)
    currency: str = await queries.currency_of_wallets(connection, program=program, unit=unit)
    return currency
