"""What is said of partners, and the prices that were agreed with them, as rows."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction

from guerdon_kit.postgres import Connection
from partner_exchange.domain.partners import AgreedPrice, Profile
from partner_exchange.store import queries


async def update(connection: Connection, profile: Profile) -> None:
    """Changes what may change of a partner that is locked."""
    await queries.update_partner(
        connection,
        partner=profile.partner_id,
        display_name=profile.display_name,
        price_numerator=profile.agreed_price.numerator,
        price_denominator=profile.agreed_price.denominator,
        received_lifetime_days=profile.received_lifetime_days,
    )


async def add_price(connection: Connection, partner_id: str, price: Fraction, actor: str, now: datetime) -> None:
    """Keeps the next version of the price of a partner that is locked, or new."""
    await queries.add_price(
        connection,
        partner=partner_id,
        numerator=price.numerator,
        denominator=price.denominator,
        actor=actor,
        create_time=now,
    )


async def prices(connection: Connection, partner_id: str, before: int, most: int) -> list[AgreedPrice]:
    """A partner's prices, newest first, from before a version on."""
    return [
        AgreedPrice(Fraction(row["numerator"], row["denominator"]), row["version"], row["create_time"], row["actor"])
        async for row in queries.list_prices(connection, partner=partner_id, before=before, most=most)
    ]
