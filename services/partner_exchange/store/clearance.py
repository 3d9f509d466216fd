"""What keeps a partner in its coalition, read from all that it takes part in."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from partner_exchange.domain.partners import Partner
from partner_exchange.store import queries


async def what_is_open(connection: Connection, partner: Partner) -> dict[str, int]:
    """How many exchanges, reversals and disputes of a partner are not at their end, and in how many windows that are
    not settled it owes or is owed.
    """
    profile = partner.profile
    row = await queries.what_is_open(connection, partner=profile.partner_id, coalition=profile.coalition_id)
    return dict(row)
