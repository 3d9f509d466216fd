"""Whom a partner's own tokens speak for: keys, scopes and tenants come from here, never from what a token claims.

The kit asks anew three seconds after it last did, so a suspension, or a key's retirement, works within five.
"""

from __future__ import annotations

from dataclasses import dataclass

from joserfc.jwk import KeySet

from guerdon_kit.auth import Grant, Issuer
from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Database
from partner_exchange.domain.partners import PARTNER_ID, Partner
from partner_exchange.store import partners

LIFETIME_MAX_S = 300
"""A partner's tokens live for at most five minutes."""

_PREFIX = "partners/"


@dataclass(frozen=True)
class PartnerTokens:
    """Finds the issuer that a partner is."""

    database: Database

    async def issuer(self, name: str) -> Issuer | None:
        """The issuer of that name, such as `partners/skyways`; None where there is no such partner or no active key.

        Raises:
            Unavailable: PostgreSQL is away.
        """
        partner_id = name.removeprefix(_PREFIX)
        if not name.startswith(_PREFIX) or PARTNER_ID.fullmatch(partner_id) is None:
            return None
        async with self.database.acquire() as connection:
            try:
                return _issuer(await partners.get(connection, partner_id))
            except NotFound:
                return None


def _issuer(partner: Partner) -> Issuer | None:
    active = [registered.key for registered in partner.keys if registered.retire_time is None]
    if not active:
        return None
    # `EdDSA` is what most libraries still call an Ed25519 signature; the registered key is of that curve.
    algorithms = {"ES256"} if all(key.algorithm == "ES256" for key in active) else {"ES256", "Ed25519", "EdDSA"}
    return Issuer(
        name=partner.name,
        keys=KeySet.import_key_set({"keys": [{**key.jwk, "kid": key.key_id} for key in active]}),
        ceiling=Grant(partner.state.scopes, partner.tenants),
        algorithms=tuple(sorted(algorithms)),
        claims_count=False,
        max_lifetime_s=LIFETIME_MAX_S,
    )
