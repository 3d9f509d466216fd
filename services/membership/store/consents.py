"""Codes and tokens by which members consent once, hashed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.consents import CODE_TRIES_MAX
from membership.domain.pins import Hashed, Try
from membership.store import queries


async def made(connection: Connection, member_no: int) -> list[datetime]:
    """When codes were made lately for a member, whose row the caller holds."""
    return await queries.consent_codes_made(connection, member_no=member_no) or []


async def write_code(
    connection: Connection, member_no: int, hashed: Hashed, expire_time: datetime, made_times: Sequence[datetime]
) -> None:
    """Keeps a code, which takes the place of the one before, and when codes were made lately."""
    await queries.write_consent_code(
        connection,
        member_no=member_no,
        salt=hashed.salt,
        hash=hashed.hash,
        expire_time=expire_time,
        made_times=made_times,
    )


async def try_code(connection: Connection, member_no: int, now: datetime) -> Try | None:
    """What a code is compared with, the try counted; None where none can be used."""
    row = await queries.try_consent_code(connection, member_no=member_no, tries_max=CODE_TRIES_MAX, now=now)
    return None if row is None else Try(Hashed(row["salt"], row["hash"]), CODE_TRIES_MAX - row["tries"])


async def use_code(connection: Connection, member_no: int, hashed: Hashed) -> bool:
    """Has a code be used; answers False where it was meanwhile, or where another took its place."""
    used: int = await queries.use_consent_code(connection, member_no=member_no, salt=hashed.salt)
    return used > 0


async def write_token(connection: Connection, member_no: int, hash_: bytes, expire_time: datetime) -> None:
    """Keeps a token, which takes the place of the one before."""
    await queries.write_consent_token(connection, member_no=member_no, hash=hash_, expire_time=expire_time)


async def use_token(connection: Connection, member_no: int, hash_: bytes, now: datetime) -> bool:
    """Has a token be used; answers False where it cannot be."""
    used: int = await queries.use_consent_token(connection, member_no=member_no, hash=hash_, now=now)
    return used > 0


async def forget(connection: Connection, member_no: int) -> None:
    """Deletes all by which a member consents, the PIN too."""
    await queries.forget_consents(connection, member_no=member_no)
