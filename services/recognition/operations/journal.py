"""Counting what the ledger records of the organisations' points, a program at a time, each transaction once.

What is counted was recorded `SETTLING` ago or earlier, so that nothing can be recorded before it any more. Who asks
for figures of now is told what came since besides, which is read for the answer alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.errors import Unavailable
from guerdon_kit.grpc import OutcomeUnknown
from guerdon_kit.postgres import Connection, Database
from recognition.clients.journal import JournalLedger
from recognition.domain.billing import SETTLING
from recognition.domain.flows import Counted, Owner, Place, Posted, counted
from recognition.domain.organisations import Organisation, budget_account_id
from recognition.domain.reviews import reserve_account_id
from recognition.store import journal as store
from recognition.store.journal import Position, ProgramOrganisation

EVERY = timedelta(minutes=5)
"""How often a program is counted: what a figure of now reads besides is what came in that time and in `SETTLING`."""
PAGES_MAX = 20
"""How many pages of a thousand transactions are read at once."""
LOOKS_MAX = 10
"""How often that is done before others are given a turn."""
_SKEW = timedelta(minutes=1)
"""How far the clocks of two servers may differ, at most."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What came since a position up to `read_time`. Where that is more than is read at once, it is left out, and
    `read_time` is that of the position.
    """

    counted: Counted
    read_time: datetime


class Journal:
    """The journal of each program, counted."""

    def __init__(self, database: Database, ledger: JournalLedger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def count(self, program: str) -> None:
        """Counts what is settled of a program, in a bounded number of looks; the rest when it is due again, at once.

        Raises:
            OutcomeUnknown, RemoteError: the ledger does not tell now.
        """
        for _ in range(LOOKS_MAX):
            if not await self.look(program):
                return

    async def look(self, program: str) -> bool:
        """Counts what a program's position says is next: at most so many pages. Whether there is more.

        Raises:
            OutcomeUnknown, RemoteError: the ledger does not tell now.
        """
        async with self._database.acquire() as connection:
            before = await store.find(connection, program)
            until = before.until_time or await self._until(connection, program)
        if until <= before.counted_time:
            async with self._database.transaction() as connection:
                await store.put_off(connection, program, self._clock.now() + EVERY)
            return False
        transactions, token = await self._read(program, before.counted_time, until, before.page_token)
        after = replace(before, until_time=until, page_token=token) if token else Position(until)

        async def work(connection: Connection) -> None:
            now = self._clock.now()
            if await store.move(connection, program, before, after, due_time=now if token else now + EVERY):
                await store.add(connection, await _counted(connection, program, transactions))

        await self._database.run(work)
        return bool(token)

    @asynccontextmanager
    async def settled(self, program: str) -> AsyncIterator[tuple[Connection, Position]]:
        """A snapshot in which all is counted that was recorded before its position, and nothing else.

        Raises:
            Unavailable: a part of what comes after it is counted already, after an outage.
        """
        async with (
            self._database.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            position = await store.find(connection, program)
            if position.page_token:
                raise Unavailable
            yield connection, position

    async def recent(self, employer: Organisation, position: Position) -> Recent:
        """What came since a settled position up to now, of an organisation.

        Raises:
            Unavailable: the ledger does not tell now.
        """
        now = self._clock.now()
        try:
            # The ledger's clock may be ahead: what a caller was just answered of is in.
            transactions, rest = await self._read(employer.program, position.counted_time, now + _SKEW, "")
        except OutcomeUnknown as error:
            raise Unavailable from error
        if rest:
            return Recent(Counted(), position.counted_time)
        async with self._database.acquire() as connection:
            found = await _counted(connection, employer.program, transactions)
        return Recent(found.of(employer.id), now)

    async def _until(self, connection: Connection, program: str) -> datetime:
        """Up to when all can be told that was recorded: a boost is one once it is known which transaction it was."""
        settled = self._clock.now() - SETTLING
        boost = await store.oldest_boost(connection, program)
        return settled if boost is None else min(settled, boost - _SKEW)

    async def _read(self, program: str, since: datetime, until: datetime, token: str) -> tuple[list[Posted], str]:
        """What was recorded from `since` up to `until`, a bounded number of pages from `token` on; and the token of
        the rest, empty where there is none. Transactions come newest first, but for what was recorded side by side.
        """
        found: list[Posted] = []
        for _ in range(PAGES_MAX):
            transactions, token = await self._ledger.page(program, since, token)
            found += [one for one in transactions if since <= one.record_time < until]
            if not token or (transactions and transactions[-1].record_time < since - SETTLING):
                return found, ""
        return found, token


async def _counted(connection: Connection, program: str, transactions: list[Posted]) -> Counted:
    if not transactions:
        return Counted()
    accounts = {id_ for one in transactions for move in one.moves for id_ in (move.source_id, move.destination_id)}
    organisations = await store.organisations_of(connection, program)
    owners = await store.owners(connection, program, accounts)
    for organisation in organisations:
        owners |= _own_accounts(organisation)
    boosts = await store.boosts(connection, program, {one.transaction for one in transactions})
    return counted(transactions, owners, {one.id: one.time_zone for one in organisations}, boosts)


def _own_accounts(organisation: ProgramOrganisation) -> dict[str, Owner]:
    return {
        budget_account_id(organisation.unit, organisation.id): Owner(organisation.id, Place.BUDGET),
        reserve_account_id(organisation.id): Owner(organisation.id, Place.RESERVE),
    }
