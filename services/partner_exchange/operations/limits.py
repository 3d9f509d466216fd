"""What the operator sets: limits of partners, pauses of corridors. Every write answers whether it was sent before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.events import Event, publish
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.limits import Limits, Pause, Version, check_limits, check_reason
from partner_exchange.domain.partners import Coalition, Partner
from partner_exchange.operations.asking import Asking
from partner_exchange.store import corridors, limits, partners, usage


@dataclass(frozen=True, slots=True)
class Standing:
    """A partner's limits, and what it owes against them."""

    partner_id: str
    version: Version
    net_debit: Fraction
    """Minor units."""
    coalition: Coalition


@dataclass(frozen=True)
class PartnerLimits:
    """Limits of partners, and corridors."""

    database: Database
    clock: Clock

    async def set(
        self, asking: Asking, partner_id: str, wanted: Limits, receivers: Sequence[str], reason: str
    ) -> tuple[Version, bool]:
        """Sets all limits of a partner, as a version; `receivers` are the pairs, as they were named.

        Raises:
            InvalidField: a limit is out of its bounds, or a receiver is no other partner of the coalition.
            NotFound: there is no such partner.
        """
        check_limits(wanted, receivers)
        check_reason(reason)

        async def insert(connection: Connection) -> bytes:
            partner = await partners.lock(connection, partner_id)
            await _check_receivers(connection, partner, receivers)
            before, _ = await limits.in_force(connection, partner_id)
            now = self.clock.now()
            fresh = Version(wanted, before.number + 1, asking.actor, reason, now)
            await limits.insert(connection, partner_id, fresh)
            data: dict[str, str | int] = {"version": fresh.number}
            await publish(
                connection, Event("guerdon.exchange.v1.limits_set", partner.name, partner.name, now, data=data)
            )
            return str(fresh.number).encode()

        outcome, replayed = await requests.once(self.database, asking.fingerprint, insert)
        async with self.database.acquire() as connection:
            [kept] = await limits.newest(connection, partner_id, int(outcome) + 1, 1)
        return kept, replayed

    async def get(self, partner_id: str) -> Standing:
        """A partner's limits in force, and what it owes.

        Raises:
            NotFound: there is no such partner.
        """
        async with self.database.acquire() as connection:
            version, _ = await limits.in_force(connection, partner_id)
            [partner] = (await partners.find(connection, [partner_id])).values()
            coalition = await partners.coalition(connection, partner.profile.coalition_id)
            return Standing(partner_id, version, await usage.exposure(connection, partner_id), coalition)

    async def newest(self, partner_id: str, before_version: int, most: int) -> list[Version]:
        """Up to `most` versions before the given one, newest first."""
        async with self.database.acquire() as connection:
            return await limits.newest(connection, partner_id, before_version, most)

    async def pause(self, asking: Asking, sender: str, receiver: str, reason: str) -> tuple[Pause, bool]:
        """Pauses a corridor; one that is paused stays so, for the reason it had.

        Raises:
            InvalidField: the reason is none, or the receiver is no other partner of the coalition.
            NotFound: there is no such sender.
        """
        check_reason(reason)

        async def insert(connection: Connection) -> bytes:
            partner = await partners.lock(connection, sender)
            await _check_receivers(connection, partner, [receiver])
            now = self.clock.now()
            if await corridors.pause(connection, sender, receiver, Pause(reason, now), asking.actor):
                await publish(connection, _corridor("corridor_paused", sender, receiver, now))
            paused = await corridors.pause_of(connection, sender, receiver)
            assert paused is not None, "the partner's row is locked"
            return json.dumps([paused.reason, paused.pause_time.isoformat()]).encode()

        outcome, replayed = await requests.once(self.database, asking.fingerprint, insert)
        words, time = json.loads(outcome)
        return Pause(words, datetime.fromisoformat(time)), replayed

    async def resume(self, asking: Asking, sender: str, receiver: str) -> bool:
        """Lets a corridor be used again; one that is not paused stays so.

        Raises:
            InvalidField: the receiver is no other partner of the coalition.
            NotFound: there is no such sender.
        """

        async def end(connection: Connection) -> bytes:
            partner = await partners.lock(connection, sender)
            await _check_receivers(connection, partner, [receiver])
            now = self.clock.now()
            if await corridors.resume(connection, sender, receiver, now, asking.actor):
                await publish(connection, _corridor("corridor_resumed", sender, receiver, now))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, end)
        return replayed


async def _check_receivers(connection: Connection, sender: Partner, receivers: Sequence[str]) -> None:
    others = await partners.of_coalition(connection, sender.profile.coalition_id)
    for receiver in receivers:
        if receiver not in others or receiver == sender.profile.partner_id:
            coalition = f"coalitions/{sender.profile.coalition_id}"
            raise InvalidField.of("receiver", f"{receiver} is no other partner of {coalition}")


def _corridor(kind: str, sender: str, receiver: str, now: datetime) -> Event:
    return Event(
        type=f"guerdon.exchange.v1.{kind}",
        subject=f"partners/{sender}",
        key=f"partners/{sender}",
        time=now,
        data={"sender": f"partners/{sender}", "receiver": f"partners/{receiver}"},
    )
