"""What the operator does with coalitions, partners and their keys. Every write answers whether it was sent before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from guerdon_kit.clock import Clock
from guerdon_kit.egress import target_ok
from guerdon_kit.errors import AlreadyExists, InvalidField, NotFound
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.clients.ledger import Ledger
from partner_exchange.domain.errors import ProgramTaken, TooManyKeys
from partner_exchange.domain.lifecycle import PartnerState
from partner_exchange.domain.links import LinkPolicy
from partner_exchange.domain.partners import (
    ACTIVE_KEYS_MAX,
    SANDBOX,
    Coalition,
    Partner,
    Profile,
    PublicKey,
    check_coalition,
    check_new_keys,
    check_profile,
)
from partner_exchange.operations.asking import Asking, recorded
from partner_exchange.store import links, partner_terms, partners, windows


@dataclass(frozen=True)
class Partners:
    """Coalitions and partners, as the operator sees them."""

    database: Database
    ledger: Ledger
    clock: Clock
    private_targets: bool
    """Remote partners may be within a private network, and without TLS."""

    async def create_coalition(
        self,
        asking: Asking,
        coalition_id: str,
        display_name: str,
        currency: str,
        time_zone: str,
        rate_move_max: Fraction,
        link_policy: LinkPolicy,
    ) -> tuple[Coalition, bool]:
        """Makes a coalition.

        Raises:
            InvalidField: a field is out of its bounds.
            AlreadyExists: the id is taken.
        """
        fresh = Coalition(coalition_id, display_name, currency, time_zone, self.clock.now(), rate_move_max)
        check_coalition(fresh)

        async def insert(connection: Connection) -> bytes:
            if not await partners.insert_coalition(connection, fresh, asking.actor):
                raise AlreadyExists(fresh.name)
            await links.insert_policy(connection, coalition_id, link_policy, asking.actor, fresh.create_time)
            await windows.open_first(connection, coalition_id, fresh.create_time)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, insert)
        async with self.database.acquire() as connection:
            return await partners.coalition(connection, coalition_id), replayed

    async def create_partner(self, asking: Asking, profile: Profile, keys: Sequence[PublicKey]) -> tuple[Partner, bool]:
        """Takes a brand into a coalition, as a DRAFT.

        Raises:
            InvalidField: a field is out of its bounds, or the ledger has no such unit.
            NotFound: there is no such coalition.
            AlreadyExists, ProgramTaken: the id, or the program within the coalition, is taken.
        """

        async def insert(connection: Connection) -> bytes:
            await partners.lock_coalition(connection, profile.coalition_id)
            fresh = Partner(profile, PartnerState.DRAFT, self.clock.now())
            if not await partners.insert(connection, fresh, asking.actor):
                if await partners.find(connection, [profile.partner_id]):
                    raise AlreadyExists(fresh.name)
                raise ProgramTaken(program=f"programs/{profile.program_id}")
            await partner_terms.add_price(
                connection, profile.partner_id, profile.agreed_price, asking.actor, fresh.create_time
            )
            for key in keys:
                await partners.insert_key(connection, profile.partner_id, key, fresh.create_time)
            return b""

        replayed = await recorded(self.database, asking) is not None
        if not replayed:
            check_profile(profile, target_ok=self._may_call(profile.target))
            check_new_keys(keys, "jwks")
            if not profile.remote and not await self.ledger.has_unit(
                profile.program_id, profile.unit_id, asking.actor, asking.until
            ):
                raise InvalidField.of("partner.unit", "the ledger has no such unit")
            _, replayed = await requests.once(self.database, asking.fingerprint, insert)
        return await self.get(profile.partner_id), replayed

    def _may_call(self, target: str) -> bool:
        return target in {"", SANDBOX} or target_ok(target, private=self.private_targets)

    async def get(self, partner_id: str) -> Partner:
        """The partner as it is now.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await partners.get(connection, partner_id)

    async def add_key(self, asking: Asking, partner_id: str, key: PublicKey) -> tuple[Partner, bool]:
        """Registers a public key.

        Raises:
            NotFound: there is no such partner.
            TooManyKeys: two are active.
            AlreadyExists: the partner used the key's id before.
        """

        async def add(connection: Connection) -> bytes:
            partner = await partners.lock(connection, partner_id)
            active = sum(registered.retire_time is None for registered in partner.keys)
            if active >= ACTIVE_KEYS_MAX:
                raise TooManyKeys(partner=partner.name, active=active)
            if not await partners.insert_key(connection, partner_id, key, self.clock.now()):
                raise AlreadyExists(f"{partner.name}/keys/{key.key_id}")
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, add)
        return await self.get(partner_id), replayed

    async def retire_key(self, asking: Asking, partner_id: str, key_id: str) -> tuple[Partner, bool]:
        """Retires a key; one that is retired stays so.

        Raises:
            NotFound: there is no such partner, or it has no such key.
        """

        async def retire(connection: Connection) -> bytes:
            partner = await partners.lock(connection, partner_id)
            if key_id not in {registered.key.key_id for registered in partner.keys}:
                raise NotFound(f"{partner.name}/keys/{key_id}")
            await partners.retire_key(connection, partner_id, key_id, self.clock.now())
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, retire)
        return await self.get(partner_id), replayed
