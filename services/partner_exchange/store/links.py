"""Links of members' accounts, the codes that make them, and what coalitions ask of them, as rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from guerdon_kit.postgres import Connection
from partner_exchange.domain.links import Account, Link, LinkCode, LinkPolicy, Side
from partner_exchange.domain.member_names import MemberName
from partner_exchange.store import queries

_HOUR = timedelta(hours=1)


async def insert_policy(
    connection: Connection, coalition_id: str, policy: LinkPolicy, actor: str, create_time: datetime
) -> None:
    """Keeps what a coalition asks from now on."""
    await queries.insert_link_policy(
        connection,
        coalition=coalition_id,
        optional=policy.optional,
        cooling_off_hours=policy.cooling_off // _HOUR,
        links_per_year=policy.links_per_year,
        actor=actor,
        create_time=create_time,
    )


async def policy(connection: Connection, coalition_id: str) -> LinkPolicy:
    """What a coalition asks now."""
    row = await queries.find_link_policy(connection, coalition=coalition_id)
    return LinkPolicy(row["optional"], row["cooling_off_hours"] * _HOUR, row["links_per_year"])


async def put_code(connection: Connection, code: LinkCode, digest: bytes) -> None:
    """Keeps a code, in the place of the one that its account had."""
    await queries.put_link_code(
        connection,
        partner=code.side.account.partner,
        account=code.side.account.account,
        coalition=code.coalition_id,
        digest=digest,
        consent=code.side.consent,
        given_names=code.name.given,
        family_name=code.name.family,
        expire_time=code.expire_time,
    )


async def code(connection: Connection, digest: bytes) -> LinkCode | None:
    """The code, locked; None where there is none."""
    row = await queries.find_link_code(connection, digest=digest)
    if row is None:
        return None
    side = Side(Account(row["partner"], row["account"]), row["consent"])
    name = MemberName(row["given_names"], row["family_name"])
    return LinkCode(side, name, row["coalition"], row["expire_time"])


async def use_code(connection: Connection, digest: bytes) -> None:
    """The code is good for nothing any more, and the name that came with it is forgotten."""
    await queries.delete_link_code(connection, digest=digest)


async def prune_codes(connection: Connection, now: datetime) -> None:
    """Forgets codes whose time is over."""
    await queries.prune_link_codes(connection, now=now)


async def lock_accounts(connection: Connection, *accounts: Account) -> None:
    """Nobody else links these until the transaction ends."""
    for account in sorted(accounts):
        await queries.lock_account(connection, partner=account.partner, account=account.account)


async def made(connection: Connection, account: Account, other: str, after: datetime) -> list[datetime]:
    """When an account was linked with accounts of another partner after a time, newest first."""
    rows = queries.links_made(connection, partner=account.partner, account=account.account, other=other, after=after)
    return [row["create_time"] async for row in rows]


async def insert(connection: Connection, link: Link) -> bool:
    """Whether neither account is linked with an account of the other's partner."""
    one, two = link.sides
    return bool(
        await queries.insert_link(
            connection,
            link=link.link_id,
            partner_one=one.account.partner,
            account_one=one.account.account,
            consent_one=one.consent,
            partner_two=two.account.partner,
            account_two=two.account.account,
            consent_two=two.consent,
            create_time=link.create_time,
            usable_time=link.usable_time,
        )
    )


async def get(connection: Connection, link_id: str) -> Link | None:
    """The link of that id."""
    row = await queries.find_link(connection, link=link_id)
    return None if row is None else _link(row)


async def newest(
    connection: Connection, partner_id: str, account: str | None, before: tuple[datetime, str], most: int
) -> Sequence[Link]:
    """A partner's links, of one of its accounts where one is given, newest first, from before a time and id on."""
    time, link = before
    rows = queries.list_links(
        connection, partner=partner_id, account=account, before_time=time, before_link=link, most=most
    )
    return [_link(row) async for row in rows]


async def end(connection: Connection, link_id: str, unlinker: str, now: datetime) -> bool:
    """Ends a link; whether it had not ended."""
    return bool(await queries.end_link(connection, link=link_id, unlinker=unlinker, now=now))


async def cool_off(connection: Connection, account: Account, usable_time: datetime) -> int:
    """Has an account's links be usable no sooner than that; answers how many there are."""
    count: int = await queries.cool_off(
        connection, partner=account.partner, account=account.account, usable_time=usable_time
    )
    return count


async def usable_time(connection: Connection, a: Account, b: Account) -> datetime | None:
    """From when on two accounts are linked; None: they are not."""
    one, two = sorted((a, b))
    found: datetime | None = await queries.usable_time(
        connection,
        partner_one=one.partner,
        account_one=one.account,
        partner_two=two.partner,
        account_two=two.account,
    )
    return found


def _link(row: asyncpg.Record) -> Link:
    one = Side(Account(row["partner_one"], row["account_one"]), row["consent_one"])
    two = Side(Account(row["partner_two"], row["account_two"]), row["consent_two"])
    return Link(row["link"], (one, two), row["create_time"], row["usable_time"], row["unlink_time"])
