"""What an exchange needs of the member whose points are sent: a link of the accounts, and an authorization."""

from __future__ import annotations

from datetime import datetime

from guerdon_kit.postgres import Connection
from partner_exchange.domain.errors import AuthorizationRequired
from partner_exchange.domain.links import Account, check_usable
from partner_exchange.domain.quotes import Quote
from partner_exchange.operations.markets import Market
from partner_exchange.store import links


async def check_authorized(connection: Connection, market: Market, quote: Quote, reference: str, now: datetime) -> None:
    """Whether the exchange of a quote may go on, by the sending brand's reference of its member's authorization.

    Raises:
        AuthorizationRequired: none was given.
        NotLinked, LinkCoolingOff: the accounts are not linked, or not for long enough.
    """
    if (await market.link_policy(connection, quote.coalition_id)).optional:
        return
    if not reference:
        raise AuthorizationRequired
    await _check_linked(connection, quote, now)


async def look(connection: Connection, market: Market, quote: Quote) -> None:
    """Whether the accounts of a new quote can be exchanged between while it lasts.

    Raises:
        NotLinked, LinkCoolingOff: they are not linked, or not for long enough by then.
    """
    if not (await market.link_policy(connection, quote.coalition_id)).optional:
        await _check_linked(connection, quote, quote.expire_time)


async def _check_linked(connection: Connection, quote: Quote, at: datetime) -> None:
    source = Account(quote.sender, quote.source_account_id)
    destination = Account(quote.receiver, quote.destination_account_id)
    check_usable(await links.usable_time(connection, source, destination), at)
