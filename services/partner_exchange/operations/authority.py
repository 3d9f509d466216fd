"""What an exchange needs of the member whose points are sent: a link of the accounts, and an authorization."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from guerdon_kit.postgres import Connection
from partner_exchange.domain.errors import AuthorizationRequired
from partner_exchange.domain.links import Account, LinkPolicy, check_usable
from partner_exchange.domain.quotes import Quote
from partner_exchange.store import links

_POLICIES_MAX = 10_000


@dataclass
class Authority:
    """Asks for what a coalition demands."""

    _policies: dict[str, LinkPolicy] = field(default_factory=dict)
    """By coalition: what was demanded when it was made is demanded for ever."""

    async def check(self, connection: Connection, quote: Quote, reference: str, now: datetime) -> None:
        """Whether the exchange of a quote may go on, by the sending brand's reference of its member's authorization.

        Raises:
            AuthorizationRequired: none was given.
            NotLinked, LinkCoolingOff: the accounts are not linked, or not for long enough.
        """
        policy = self._policies.get(quote.coalition_id)
        if policy is None:
            policy = await links.policy(connection, quote.coalition_id)
            if len(self._policies) < _POLICIES_MAX:
                self._policies[quote.coalition_id] = policy
        if policy.optional:
            return
        if not reference:
            raise AuthorizationRequired
        source = Account(quote.sender, quote.source_account_id)
        destination = Account(quote.receiver, quote.destination_account_id)
        check_usable(await links.usable_time(connection, source, destination), now)
