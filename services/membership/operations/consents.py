"""A member's consent to spend, given with a PIN."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from guerdon_kit.errors import InvalidField, NotFound
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.domain.endings import ended
from membership.domain.errors import ConsentRefused, PinLocked, PinNotSet
from membership.domain.members import Member
from membership.domain.pins import hash_pin, is_pin, is_right
from membership.domain.program import Program
from membership.store import members, pins

HASHES_AT_ONCE = 2
"""Each takes a processor and 16 MiB; the others wait their turn."""

T = TypeVar("T")


class Hashing:
    """Where secrets of few digits are hashed, a few at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(HASHES_AT_ONCE)

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Has something hashed, and answers what comes of it."""
        async with self._turns:
            return await asyncio.to_thread(work)


class Consents:
    """PINs, set and asked for."""

    def __init__(self, database: Database, hashing: Hashing) -> None:
        self._database = database
        self._hashing = hashing

    async def set_pin(self, program: Program, member_id: str, pin: str, fingerprint: Fingerprint) -> bool:
        """Sets a member's PIN, or takes it away where it is empty; answers whether this is a replay.

        Raises:
            InvalidField: it is no PIN.
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
        """
        if pin and not is_pin(pin):
            raise InvalidField.of("pin", "must be 4 to 12 digits")
        hashed = await self._hashing.in_turn(lambda: hash_pin(pin)) if pin else None

        async def work(connection: Connection) -> bytes:
            member = await hold_consenting(connection, program, member_id)
            if hashed is None:
                await pins.delete(connection, member.member_no)
            else:
                await pins.write(connection, member.member_no, hashed)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def verify(self, program: Program, member_id: str, pin: str) -> None:
        """Returns where it is the member's PIN. Each try is counted before it is looked at.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
            PinNotSet, PinLocked, ConsentRefused: as they say.
        """
        name = f"{program.name}/members/{member_id}"
        async with self._database.transaction() as connection:
            member = await consenting(connection, program, member_id)
            attempt = await pins.attempt(connection, member.member_no)
            if attempt is None:
                raise PinLocked(name) if await pins.exists(connection, member.member_no) else PinNotSet(name)
        if not await self._hashing.in_turn(lambda: is_right(pin, attempt.hashed)):
            raise ConsentRefused(name, attempt.left)
        async with self._database.transaction() as connection:
            await pins.forgive(connection, member.member_no, attempt.hashed)


async def consenting(connection: Connection, program: Program, member_id: str) -> Member:
    """A member who can consent.

    Raises:
        NotFound: there is no such member.
        MemberClosed, MemberErased: the membership has ended.
    """
    member = await members.find(connection, program, member_id)
    if member is None:
        raise NotFound(f"{program.name}/members/{member_id}")
    return _alive(program, member)


async def hold_consenting(connection: Connection, program: Program, member_id: str) -> Member:
    """A member who can consent, its row held until the transaction ends.

    Raises:
        NotFound, MemberClosed, MemberErased: as `consenting`.
    """
    return _alive(program, await members.hold(connection, program, member_id))


def _alive(program: Program, member: Member) -> Member:
    why = ended(program, member)
    if why is not None:
        raise why
    return member
