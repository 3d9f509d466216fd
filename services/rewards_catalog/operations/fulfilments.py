"""What is said about redemptions that a provider is to issue: by the provider later, or by people in its stead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from guerdon_kit import names
from guerdon_kit.errors import NotFound
from guerdon_kit.postgres import Connection, Database, requests
from guerdon_kit.webhooks import signing
from rewards_catalog.domain.codes import CodeKeys
from rewards_catalog.domain.errors import RedemptionUnfinished, WebhookNotBelieved
from rewards_catalog.domain.fulfilment import Issued, Refused, Undecided, check_outcome, is_said_already, told
from rewards_catalog.domain.provider_messages import read_message
from rewards_catalog.domain.redemption import Redemption
from rewards_catalog.operations.asking import Asking
from rewards_catalog.operations.progress import Progress
from rewards_catalog.operations.providers import Providers
from rewards_catalog.store import redemptions, rewards, stock
from rewards_catalog.store.changes import Change, note


@dataclass(frozen=True, slots=True)
class Webhook:
    """A provider's message as it came over HTTP: its headers and its body."""

    id: str
    timestamp: str
    signatures: str
    body: bytes


@dataclass(frozen=True)
class Fulfilments:
    """What providers and people say."""

    database: Database
    progress: Progress
    providers: Providers
    keys: CodeKeys

    async def report(self, asking: Asking, program: str, provider: str, webhook: Webhook) -> tuple[Redemption, bool]:
        """Takes what a provider says; answers the redemption, and whether it has said so in this message before.

        Raises:
            NotFound: there is no such provider, or it was not asked to issue such a redemption.
            WebhookNotBelieved: it is not from the provider, or not of now.
            InvalidField: it is no message about a fulfilment.
            FulfilmentNotAsked, FulfilmentDecided, CodeTaken: it cannot be so.
        """
        secrets: Sequence[str] = await self.providers.secrets(program, provider)
        now = self.progress.clock.now()
        if not signing.is_from(secrets, webhook.id, webhook.timestamp, webhook.signatures, webhook.body, now):
            raise WebhookNotBelieved
        name, outcome = read_message(webhook.body)
        of, redemption = names.parse(name, "programs/{program}/redemptions/{redemption}", "body")
        if of != program:
            raise NotFound(name)
        if isinstance(outcome, Undecided):
            async with self.database.acquire() as connection:
                found = await redemptions.get(connection, program, redemption)
                await _require_asked(connection, found, provider)
            return found, False
        return await self._say(asking, program, redemption, outcome, by=provider)

    async def decide(
        self, asking: Asking, program: str, redemption: str, outcome: Issued | Refused
    ) -> tuple[Redemption, bool]:
        """Takes what people found out; answers as `report`.

        Raises:
            InvalidField: the code is none, or the reason cannot be shown.
            NotFound: there is no such redemption.
            FulfilmentNotAsked, FulfilmentDecided, CodeTaken: it cannot be so.
        """
        return await self._say(asking, program, redemption, outcome, by="")

    async def _say(
        self, asking: Asking, program: str, redemption: str, outcome: Issued | Refused, *, by: str
    ) -> tuple[Redemption, bool]:
        check_outcome(outcome)

        async def say(connection: Connection) -> bytes:
            found = await redemptions.lock(connection, program, redemption)
            if by:
                await _require_asked(connection, found, by)
            if is_said_already(found, outcome, await self._code_of(connection, found)):
                return b""
            now = self.progress.clock.now()
            after = replace(told(found, outcome, now), update_time=now)
            moved = await self.progress.move(connection, found, after)
            assert moved, "it is locked"
            await self.progress.take_over(connection, found, outcome)
            await note(connection, found, Change.DECIDED, actor=asking.actor, time=now)
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, say)
        found = await self.progress.read(program, redemption)
        try:
            return await self.progress.finish(found, asking.until), replayed
        except RedemptionUnfinished:  # what was said is kept, and the recovery loop goes on
            return await self.progress.read(program, redemption), replayed

    async def _code_of(self, connection: Connection, redemption: Redemption) -> str:
        kept = await stock.code_of(connection, redemption)
        return "" if kept is None else self.keys.open(redemption.program, redemption.reward, kept)


async def _require_asked(connection: Connection, redemption: Redemption, provider: str) -> None:
    """Raises NotFound unless the redemption is the provider's to speak of."""
    reward = await rewards.get(connection, redemption.program, redemption.reward, redemption.reward_version)
    if reward.provider != provider:
        raise NotFound(redemption.name)
