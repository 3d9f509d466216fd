"""Ending memberships: closing one with its account, and erasing what is known of a person.

What is decided here is written first, and the ledger asked afterwards, by whoever decided it or by the recovery loop:
always with the same request id.
"""

from __future__ import annotations

import asyncio
import json

import structlog

from guerdon_kit.clock import Clock
from guerdon_kit.errors import DomainError, Unavailable
from guerdon_kit.events import publish
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Connection, Database
from guerdon_kit.postgres.requests import once
from membership.clients.ledger import Ledger
from membership.domain.accounts import wallet_id
from membership.domain.endings import Ending, Errand, Left, ended
from membership.domain.errors import MemberChanging, MemberErased, MemberNotEmpty, MemberPending
from membership.domain.members import Ended, Member
from membership.domain.program import Program
from membership.domain.purchases import State
from membership.operations.deliveries import LEASE, MARGIN_S
from membership.operations.events import member_closed, member_erased
from membership.store import activities, bonuses, consents, endings, flags, members, merges, profiles


class EndingWaits(Exception):
    """The member's account is not known to be theirs yet: the enrolment goes first."""


class Endings:
    """Endings of memberships."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        clock: Clock,
        log: structlog.typing.FilteringBoundLogger,
        patience_s: float,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._log = log
        self._patience_s = patience_s

    async def close(
        self, program: Program, member_id: str, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> bool:
        """Closes a membership and its account; answers whether this is a replay.

        Raises:
            NotFound: there is no such member.
            MemberPending: its account is not open yet.
            MemberErased: it is erased.
            MemberChanging: the points of one who was merged into it are still on their way.
            MemberNotEmpty: the account has or owes something.
            Unavailable: the ledger did not answer in time; the closing is recorded, and finished by itself.
        """

        async def work(connection: Connection) -> bytes:
            member = await members.hold(connection, program, member_id)
            if member.ended is Ended.CLOSED:
                return json.dumps(None).encode()
            if member.ended is Ended.ERASED:
                raise MemberErased(f"{program.name}/members/{member_id}")
            if member.state is State.PENDING:
                raise MemberPending(f"{program.name}/members/{member_id}")
            if await merges.moving(connection, member):
                raise MemberChanging(f"{program.name}/members/{member.member_id}")
            return json.dumps(await self._write(connection, program, member, Errand.CLOSE, actor)).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        number = json.loads(outcome)
        if number is None:
            return replayed
        done = await self._try(number, within_s)
        ending = await self._find(number)
        if ending is not None and ending.left is not None:
            left = ending.left
            unit = f"{program.name}/units/{left.unit or program.settings.unit_id}"
            name = f"{program.name}/members/{member_id}"
            raise MemberNotEmpty(name, left.posted, left.held, left.pending, left.debt, unit)
        if not done:
            raise Unavailable
        return replayed

    async def erase(
        self, program: Program, member_id: str, fingerprint: Fingerprint, actor: str, within_s: float
    ) -> tuple[bool, bool]:
        """Erases what is known of a member; answers whether the ledger's texts are erased too, and whether this is a
        replay.

        Raises:
            NotFound: there is no such member.
        """

        async def work(connection: Connection) -> bytes:
            member = await members.hold(connection, program, member_id)
            if member.ended is Ended.ERASED:
                return json.dumps([]).encode()
            now = self._clock.now()
            await profiles.erase(connection, member.member_no)
            await activities.erase(connection, member.member_no)
            await consents.forget(connection, member.member_no)
            await flags.erase(connection, member.member_no)
            await members.end(connection, member.member_no, Ended.ERASED)
            await publish(connection, member_erased(program, member, now))
            accounts = [member, *await members.merged_into(connection, member)]
            return json.dumps(
                [await self._write(connection, program, one, Errand.ERASE_TEXTS, actor) for one in accounts]
            ).encode()

        outcome, replayed = await once(self._database, fingerprint, work)
        done = [await self._try(number, within_s) for number in json.loads(outcome)]
        return all(done), replayed

    async def advance(self, ending_no: int) -> None:
        """Asks the ledger for what an ending still needs, and keeps what it answered.

        Raises:
            EndingWaits: the member's enrolment has not come to the ledger yet.
            OutcomeUnknown, RemoteError: the ledger did not answer, or refused for a reason of its own.
        """
        ending = await self._find(ending_no)
        if ending is None or ending.left is not None:
            return
        if ending.member.state is State.PENDING:
            raise EndingWaits
        ask = (ending.program, ending.member.account_id, ending.request_id, ending.actor)
        left: Left | None = None
        if ending.errand is Errand.CLOSE:
            left = await self._close(ending)
        else:
            await self._ledger.erase_texts(*ask)
        await self._database.run(lambda connection: self._settle(connection, ending, left))

    async def _close(self, ending: Ending) -> Left | None:
        """Closes the account and the wallets, where none of them has or owes anything; else answers what is left."""
        program, member = ending.program, ending.member
        async with self._database.acquire() as connection:
            units = await bonuses.units_of(connection, [member.member_no])
        wallets = {unit: wallet_id(member.member_id, unit) for unit in units}
        for unit, wallet in wallets.items():
            one = await self._ledger.remains(program, wallet, ending.actor)
            if one.available or one.pending or one.debt or one.held:
                return Left(max(one.available, 0) + one.held, one.held, one.pending, one.debt, unit)
        left = await self._ledger.close(program, member.account_id, ending.request_id, ending.actor)
        if left is None:
            for unit, wallet in wallets.items():  # what came to one meanwhile keeps that one open
                await self._ledger.close(program, wallet, f"{ending.request_id}-{unit}", ending.actor)
        return left

    async def _settle(self, connection: Connection, ending: Ending, left: Left | None) -> None:
        if left is not None:
            await endings.refuse(connection, ending.ending_no, left)
            return
        if ending.errand is Errand.CLOSE:
            [member] = await members.lock(connection, ending.program, [ending.member.member_id])
            if ended(ending.program, member) is None:
                await members.end(connection, member.member_no, Ended.CLOSED)
                await profiles.free_contacts(connection, member.member_no)
                await publish(connection, member_closed(ending.program, member, self._clock.now()))
        await endings.finish(connection, ending.ending_no)

    async def _write(self, connection: Connection, program: Program, member: Member, errand: Errand, actor: str) -> int:
        return await endings.insert(connection, program, member, errand, actor, self._clock.now() + LEASE)

    async def _find(self, ending_no: int) -> Ending | None:
        async with self._database.acquire() as connection:
            return await endings.find(connection, ending_no)

    async def _try(self, ending_no: int, within_s: float) -> bool:
        """Advances for a caller who waits; where that fails the recovery loop will."""
        try:
            async with asyncio.timeout(min(within_s - MARGIN_S, self._patience_s)):
                await self.advance(ending_no)
        except (DomainError, EndingWaits, TimeoutError) as error:
            self._log.warning("ending_waits", ending=ending_no, error=str(error) or repr(error))
            return False
        return True
