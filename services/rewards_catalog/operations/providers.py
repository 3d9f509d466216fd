"""The providers of programs, their secrets, and the orders that they are given."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import dataclass, field, replace

from guerdon_kit.clock import Clock
from guerdon_kit.egress import Egress, url_ok
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database, requests
from guerdon_kit.webhooks import signing
from rewards_catalog.clients.providers import HttpIssuer, Issuer, SandboxIssuer
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.fulfilment import Outcome, Undecided, order_of
from rewards_catalog.domain.providers import Provider, ProviderKind, violations
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.lanes import Lanes
from rewards_catalog.store import providers, rewards
from rewards_catalog.store.changes import Change, note

# What is left of the caller's deadline after an order: enough to say what came of it.
_MARGIN_S = 0.5
_LANE_WAIT_S = 1.0
"""How long an order waits for others to the same provider, before it is put off."""


@dataclass(frozen=True)
class Providers:
    """The providers of all programs."""

    database: Database
    keys: CodeKeys
    egress: Egress
    clock: Clock
    timeout_s: float
    """How long a provider may take to answer an order."""
    private: bool
    """Providers may be within a private network, and without TLS."""
    lanes: Lanes = field(default_factory=Lanes)

    async def create(self, asking: Asking, provider: Provider) -> tuple[Provider, str, bool]:
        """Keeps a new provider; answers it, its secret, and whether the request was sent before.

        Raises:
            InvalidField: a bound is broken.
            AlreadyExists: the program has one of this id.
        """
        self._check(provider)

        async def work(connection: Connection) -> bytes:
            await providers.insert(connection, provider, actor=asking.actor)
            await note(connection, provider, Change.CREATED, actor=asking.actor, time=self.clock.now())
            return await self._make_secret(connection, provider.program, provider.id)

        return await self._with_secret(asking, provider.program, provider.id, work)

    async def update(self, asking: Asking, provider: Provider, fields: Set[str]) -> tuple[Provider, bool]:
        """Gives a provider those fields of `provider`; answers it, and whether the request was sent before.

        Raises:
            InvalidField: a bound is broken.
            NotFound: there is no such provider.
        """

        async def work(connection: Connection) -> bytes:
            await providers.lock(connection, provider.program, provider.id)
            found = await providers.get(connection, provider.program, provider.id)
            changed = replace(found, **{name: getattr(provider, name) for name in fields})
            self._check(changed)
            await providers.update(connection, changed)
            await note(connection, found, Change.UPDATED, actor=asking.actor, time=self.clock.now())
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return await self.get(provider.program, provider.id), replayed

    async def rotate(self, asking: Asking, program: str, provider: str) -> tuple[Provider, str, bool]:
        """Makes a new secret, beside which the one before signs for a while; answers as `create`.

        Raises:
            NotFound: there is no such provider.
        """

        async def work(connection: Connection) -> bytes:
            await providers.lock(connection, program, provider)
            found = await providers.get(connection, program, provider)
            await note(connection, found, Change.SECRET_ROTATED, actor=asking.actor, time=self.clock.now())
            return await self._make_secret(connection, program, provider)

        return await self._with_secret(asking, program, provider, work)

    async def get(self, program: str, provider: str) -> Provider:
        """The provider.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await providers.get(connection, program, provider)

    async def after(self, program: str, provider: str, most: int) -> Sequence[Provider]:
        """The program's providers by their ids, after one."""
        async with self.database.acquire() as connection:
            return await providers.after(connection, program, provider, most)

    async def secrets(self, program: str, provider: str) -> Sequence[str]:
        """The secrets that sign for the provider now, the current one first.

        Raises:
            NotFound: there is no such provider.
        """
        async with self.database.acquire() as connection:
            await providers.get(connection, program, provider)
            return await self._open(connection, program, provider)

    async def ask(self, redemption: Redemption, until: float) -> Outcome:
        """Asks the redemption's provider to issue it; `until` is of `time.monotonic()`.

        Raises:
            OutcomeUnknown: there is no time left to ask.
        """
        left = min(until - time.monotonic() - _MARGIN_S, self.timeout_s)
        if left <= 0:
            raise OutcomeUnknown
        async with self.database.acquire() as connection:
            reward = await rewards.get(connection, redemption.program, redemption.reward, redemption.reward_version)
            provider = await providers.get(connection, redemption.program, reward.provider)
            secrets = await self._open(connection, redemption.program, reward.provider)
        async with self.lanes.one(provider.name, provider.max_orders, min(left, _LANE_WAIT_S)) as room:
            if not room:
                return Undecided()
            left = min(until - time.monotonic() - _MARGIN_S, self.timeout_s)
            return await self._issuer(provider, secrets).issue(order_of(redemption, reward), left)

    def _check(self, provider: Provider) -> None:
        """Raises InvalidField with all bounds that a provider breaks."""
        broken = list(violations(provider, url_ok=url_ok(provider.url, private=self.private)))
        if broken:
            raise InvalidField(broken)

    def _issuer(self, provider: Provider, secrets: Sequence[str]) -> Issuer:
        if provider.kind is ProviderKind.SANDBOX:
            return SandboxIssuer()
        return HttpIssuer(self.egress, self.clock, provider.url, secrets)

    async def _make_secret(self, connection: Connection, program: str, provider: str) -> bytes:
        """Keeps a new secret sealed, and answers its version, as requests remember it."""
        sealed = self.keys.seal(program, _bound(provider), signing.new_secret())
        return str(await providers.add_secret(connection, program, provider, sealed, self.clock.now())).encode()

    async def _open(self, connection: Connection, program: str, provider: str) -> Sequence[str]:
        kept = await providers.secrets(connection, program, provider, self.clock.now())
        return [self.keys.open(program, _bound(provider), sealed) for sealed in kept.values()]

    async def _with_secret(
        self, asking: Asking, program: str, provider: str, work: Callable[[Connection], Awaitable[bytes]]
    ) -> tuple[Provider, str, bool]:
        version, replayed = await requests.once(self.database, asking.fingerprint, work)
        async with self.database.acquire() as connection:
            kept = (await providers.secrets(connection, program, provider, self.clock.now())).get(int(version))
            secret = self.keys.open(program, _bound(provider), kept) if kept else ""
            return await providers.get(connection, program, provider), secret, replayed


def _bound(provider: str) -> str:
    """What a provider's secret is sealed to: no reward is called so."""
    return f"providers/{provider}"
