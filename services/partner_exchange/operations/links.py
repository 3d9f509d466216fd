"""Linking members' accounts, and what an exchange asks of links. Every write answers whether it was sent before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import Event, publish
from guerdon_kit.ids import new_id
from guerdon_kit.postgres import Connection, Database, requests
from partner_exchange.domain.errors import AlreadyLinked, LinkCodeUnknown, NameMismatch
from partner_exchange.domain.links import (
    CODE_LASTS,
    YEAR,
    Account,
    Link,
    LinkCode,
    Side,
    check_relinking,
    check_side,
    code_digest,
    new_code,
)
from partner_exchange.domain.member_names import MemberName, check_name, difference
from partner_exchange.domain.partner_events import PREFIX
from partner_exchange.operations.asking import Asking
from partner_exchange.store import links, partners

_MISMATCH = "mismatch "
"""What an outcome begins with that is no link: it is kept with the request, as the code is used up by it."""


@dataclass(frozen=True)
class Links:
    """The links of members' accounts."""

    database: Database
    clock: Clock

    async def create_code(self, asking: Asking, side: Side, name: MemberName) -> tuple[str, datetime, bool]:
        """Makes a code for a member to take to another brand; answers it, told once, and until when it is good.

        Raises:
            InvalidField: the account, the name or the reference is none.
            NotFound: there is no such partner.
        """
        check_side(side)
        check_name(name)
        secret = new_code()

        async def work(connection: Connection) -> bytes:
            partner = await partners.get(connection, side.account.partner)
            ends = self.clock.now() + CODE_LASTS
            kept = LinkCode(side, name, partner.profile.coalition_id, ends)
            await links.put_code(connection, kept, code_digest(secret))
            return ends.isoformat().encode()

        ends, replayed = await requests.once(self.database, asking.fingerprint, work)
        return "" if replayed else secret, datetime.fromisoformat(ends.decode()), replayed

    async def link(self, asking: Asking, side: Side, name: MemberName, code: str) -> tuple[Link, bool]:
        """Links an account with the one that a code was made for. Where the names differ the code is used up.

        Raises:
            InvalidField: the account, the name, the reference or the code is none.
            NotFound: there is no such partner.
            LinkCodeUnknown: the code is not good, or not for this partner.
            NameMismatch: the names differ; for this request for ever.
            AlreadyLinked, LinkLimit: the accounts may not be linked now.
        """
        check_side(side)
        check_name(name)
        digest = code_digest(code)

        async def work(connection: Connection) -> bytes:
            partner = await partners.get(connection, side.account.partner)
            now = self.clock.now()
            kept = await links.code(connection, digest)
            if (
                kept is None
                or kept.expire_time <= now
                or kept.coalition_id != partner.profile.coalition_id
                or kept.side.account.partner == side.account.partner
            ):
                raise LinkCodeUnknown
            differs = difference(name, kept.name)
            if differs:
                await links.use_code(connection, digest)
                return f"{_MISMATCH}{differs}".encode()
            made = await self._insert(connection, kept, side, now)
            await links.use_code(connection, digest)
            return made.link_id.encode()

        outcome, replayed = await requests.once(self.database, asking.fingerprint, work)
        said = outcome.decode()
        if said.startswith(_MISMATCH):
            raise NameMismatch(differs=said.removeprefix(_MISMATCH))
        return await self.get(side.account.partner, said), replayed

    async def get(self, reader: str, link_id: str) -> Link:
        """A link that the partner has a side of.

        Raises:
            NotFound: there is none.
        """
        async with self.database.acquire() as connection:
            return await _get(connection, reader, link_id)

    async def newest(self, reader: str, account: str | None, before: tuple[datetime, str], most: int) -> Sequence[Link]:
        """A partner's links, of one of its accounts where one is given, newest first, from before a time and id on."""
        async with self.database.acquire() as connection:
            return await links.newest(connection, reader, account, before, most)

    async def unlink(self, asking: Asking, partner_id: str, link_id: str) -> tuple[Link, bool]:
        """Ends a link; one that has ended stays so. Exchanges that were accepted are finished.

        Raises:
            NotFound: the partner has no such link.
        """

        async def work(connection: Connection) -> bytes:
            found = await _get(connection, partner_id, link_id)
            now = self.clock.now()
            if await links.end(connection, link_id, f"partners/{partner_id}", now):
                await publish(connection, _event("member_unlinked", found, now))
            return b""

        _, replayed = await requests.once(self.database, asking.fingerprint, work)
        return await self.get(partner_id, link_id), replayed

    async def note_contact_change(self, asking: Asking, account: Account) -> tuple[int, bool]:
        """Has the cooling-off of an account's links begin anew; answers how many there are.

        Raises:
            NotFound: there is no such partner.
        """

        async def work(connection: Connection) -> bytes:
            partner = await partners.get(connection, account.partner)
            policy = await links.policy(connection, partner.profile.coalition_id)
            await links.lock_accounts(connection, account)
            count = await links.cool_off(connection, account, self.clock.now() + policy.cooling_off)
            return str(count).encode()

        count, replayed = await requests.once(self.database, asking.fingerprint, work)
        return int(count), replayed

    async def _insert(self, connection: Connection, code: LinkCode, side: Side, now: datetime) -> Link:
        policy = await links.policy(connection, code.coalition_id)
        one, two = sorted((code.side, side), key=lambda each: each.account)
        await links.lock_accounts(connection, one.account, two.account)
        for mine, other in ((one, two), (two, one)):
            made = await links.made(connection, mine.account, other.account.partner, now - YEAR)
            check_relinking(made, policy)
        fresh = Link(new_id("ln"), (one, two), now, now + policy.cooling_off)
        if not await links.insert(connection, fresh):
            raise AlreadyLinked
        await publish(connection, _event("member_linked", fresh, now))
        return fresh


async def _get(connection: Connection, reader: str, link_id: str) -> Link:
    found = await links.get(connection, link_id)
    if found is None or found.side_of(reader) is None:
        raise NotFound(f"partners/{reader}/memberLinks/{link_id}")
    return found


def _event(kind: str, link: Link, now: datetime) -> Event:
    one, two = (side.account for side in link.sides)
    name = f"partners/{one.partner}/memberLinks/{link.link_id}"
    data = {"member_link": name, "sides": [f"partners/{one.partner}", f"partners/{two.partner}"]}
    return Event(PREFIX + kind, name, name, now, data)
