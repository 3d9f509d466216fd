"""Members' PINs, hashed."""

from __future__ import annotations

from guerdon_kit.postgres import Connection
from membership.domain.pins import PIN_TRIES_MAX, Hashed, Try
from membership.store import queries


async def write(connection: Connection, member_no: int, hashed: Hashed) -> None:
    """Sets a member's PIN; wrong ones that were tried are forgotten."""
    await queries.write_pin(connection, member_no=member_no, salt=hashed.salt, hash=hashed.hash)


async def delete(connection: Connection, member_no: int) -> None:
    """Deletes a member's PIN."""
    await queries.delete_pin(connection, member_no=member_no)


async def attempt(connection: Connection, member_no: int) -> Try | None:
    """Counts a try, and answers what it is compared with; None where none is left."""
    row = await queries.try_pin(connection, member_no=member_no, tries_max=PIN_TRIES_MAX)
    return None if row is None else Try(Hashed(row["salt"], row["hash"]), PIN_TRIES_MAX - row["tries"])


async def exists(connection: Connection, member_no: int) -> bool:
    """Whether a member has a PIN."""
    found: bool = await queries.has_pin(connection, member_no=member_no)
    return found


async def forgive(connection: Connection, member_no: int, hashed: Hashed) -> None:
    """Forgets the tries: the PIN was right."""
    await queries.forgive_pin(connection, member_no=member_no, salt=hashed.salt)
