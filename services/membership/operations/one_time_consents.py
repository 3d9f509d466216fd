"""A member's consent to spend, given with a code that was sent or a token that a till scanned: each is good once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from guerdon_kit.clock import Clock
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import find, once
from membership.domain.consents import (
    CODE_LIFE,
    CODES_MAX,
    CODES_WITHIN,
    TOKEN_LIFE,
    made_within,
    new_code,
    new_token,
    token_hash,
)
from membership.domain.errors import ConsentCodeLimit, ConsentExpired, ConsentRefused
from membership.domain.pins import hash_pin, is_right
from membership.domain.program import Program
from membership.operations.consents import Hashing, consenting, hold_consenting
from membership.store import consents

Work = Callable[[Connection], Awaitable[bytes]]
"""Makes what is told once, and answers until when it is good."""


class OneTimeConsents:
    """Codes and tokens, made and asked for."""

    def __init__(self, database: Database, hashing: Hashing, clock: Clock) -> None:
        self._database = database
        self._hashing = hashing
        self._clock = clock

    async def create_code(
        self, program: Program, member_id: str, fingerprint: Fingerprint
    ) -> tuple[str, datetime, bool]:
        """Makes a code; answers it, until when it is good, and whether this is a replay, to which the code is not told.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
            ConsentCodeLimit: as many were made within an hour.
        """
        code, now = new_code(), self._clock.now()
        hashed = await self._hashing.in_turn(lambda: hash_pin(code))

        async def work(connection: Connection) -> bytes:
            member = await hold_consenting(connection, program, member_id)
            made = made_within(await consents.made(connection, member.member_no), now)
            if len(made) >= CODES_MAX:
                name = f"{program.name}/members/{member.member_id}"
                raise ConsentCodeLimit(name, CODES_MAX, (made[0] + CODES_WITHIN).isoformat())
            await consents.write_code(connection, member.member_no, hashed, now + CODE_LIFE, [*made, now])
            return (now + CODE_LIFE).isoformat().encode()

        return await self._told_once(code, fingerprint, work)

    async def create_token(
        self, program: Program, member_id: str, fingerprint: Fingerprint
    ) -> tuple[str, datetime, bool]:
        """Makes a token; answers it, until when it is good, and whether this is a replay, to which it is not told.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
        """
        token, expire_time = new_token(), self._clock.now() + TOKEN_LIFE

        async def work(connection: Connection) -> bytes:
            member = await hold_consenting(connection, program, member_id)
            await consents.write_token(connection, member.member_no, token_hash(token), expire_time)
            return expire_time.isoformat().encode()

        return await self._told_once(token, fingerprint, work)

    async def verify_code(self, program: Program, member_id: str, code: str, fingerprint: Fingerprint) -> bool:
        """Returns where it is the code that the member was sent, which is used by that; answers whether this is a
        replay. Each try is counted before it is looked at.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
            ConsentExpired: there is no code that can be used.
            ConsentRefused: it is another one.
        """
        name = f"{program.name}/members/{member_id}"
        async with self._database.transaction() as connection:
            if await find(connection, fingerprint) is not None:
                return True
            member = await consenting(connection, program, member_id)
            attempt = await consents.try_code(connection, member.member_no, self._clock.now())
        if attempt is None:
            raise ConsentExpired(name)
        if not await self._hashing.in_turn(lambda: is_right(code, attempt.hashed)):
            raise ConsentRefused(name, attempt.left)

        async def work(connection: Connection) -> bytes:
            if not await consents.use_code(connection, member.member_no, attempt.hashed):
                raise ConsentExpired(name)
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def verify_token(self, program: Program, member_id: str, token: str, fingerprint: Fingerprint) -> bool:
        """Returns where it is the token that the member's app shows, which is used by that; answers whether this is a
        replay.

        Raises:
            NotFound: there is no such member.
            MemberClosed, MemberErased: the membership has ended.
            ConsentExpired: it cannot be used.
        """

        async def work(connection: Connection) -> bytes:
            member = await consenting(connection, program, member_id)
            if not await consents.use_token(connection, member.member_no, token_hash(token), self._clock.now()):
                raise ConsentExpired(f"{program.name}/members/{member_id}")
            return b""

        _, replayed = await once(self._database, fingerprint, work)
        return replayed

    async def _told_once(self, secret: str, fingerprint: Fingerprint, work: Work) -> tuple[str, datetime, bool]:
        outcome, replayed = await once(self._database, fingerprint, work)
        return "" if replayed else secret, datetime.fromisoformat(outcome.decode()), replayed
