"""The tokens of identity providers: making, revoking and knowing them."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from recognition.domain.errors import ScimTokensExceeded
from recognition.domain.scim_tokens import TOKENS_MAX, ScimToken, new_secret, secret_hash, token_name
from recognition.operations import organisations
from recognition.store import organisations as organisation_store
from recognition.store import scim_tokens as store


class ScimTokens:
    """SCIM tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, fingerprint: Fingerprint, organisation: str, display_name: str, issuer: str, actor: str
    ) -> tuple[ScimToken, str, bool]:
        """Makes a token; answers it, its secret, and whether this is a replay, which has no secret to tell.

        Raises:
            InvalidField: a field is out of its bounds.
            NotFound: there is no such organisation.
            ScimTokensExceeded: it has as many as it may.
        """
        made = ScimToken(organisation, new_id("st"), display_name, issuer, self._clock.now(), None)
        made.check()
        secret = new_secret()

        async def work(connection: Connection) -> bytes:
            # Counted one after the other.
            if await organisation_store.lock(connection, organisation) is None:
                raise NotFound(f"organisations/{organisation}")
            if await store.count(connection, organisation) >= TOKENS_MAX:
                raise ScimTokensExceeded(TOKENS_MAX)
            await store.insert(connection, made, secret_hash(secret), actor)
            return made.id.encode()

        token, replayed = await requests.once(self._database, fingerprint, work)
        return await self._get(organisation, token.decode()), "" if replayed else secret, replayed

    async def revoke(self, fingerprint: Fingerprint, organisation: str, token: str) -> tuple[ScimToken, bool]:
        """Revokes a token, if it is not revoked; answers it, and whether this is a replay.

        Raises:
            NotFound: there is no such token.
        """

        async def work(connection: Connection) -> bytes:
            if await store.find(connection, organisation, token) is None:
                raise NotFound(token_name(organisation, token))
            await store.revoke(connection, organisation, token, self._clock.now())
            return token.encode()

        _, replayed = await requests.once(self._database, fingerprint, work)
        return await self._get(organisation, token), replayed

    async def list_after(self, organisation: str, after: str, most: int) -> list[ScimToken]:
        """At most so many of the organisation's tokens, by id, from after `after` on.

        Raises:
            NotFound: there is no such organisation.
        """
        async with self._database.acquire() as connection:
            await organisations.find(connection, organisation)
            return await store.list_after(connection, organisation, after, most)

    async def known(self, secret: str) -> ScimToken | None:
        """The token that is good with this secret."""
        async with self._database.acquire() as connection:
            return await store.find_by_secret(connection, secret_hash(secret))

    async def _get(self, organisation: str, token: str) -> ScimToken:
        async with self._database.acquire() as connection:
            found = await store.find(connection, organisation, token)
        if found is None:
            raise NotFound(token_name(organisation, token))
        return found
