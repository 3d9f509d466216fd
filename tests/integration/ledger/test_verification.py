"""A verification beside the daily load: long where it has to be, one at a time, and over once enough is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import pytest
import structlog

from guerdon_kit.clock import SystemClock
from guerdon_kit.errors import Unavailable
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.database import Limits
from guerdon_kit.postgres.provision import ServiceDatabase
from ledger.domain.model import AccountKind
from ledger.operations.findings import FINDINGS_MAX
from ledger.operations.verify import Verification
from ledger.store.balances import BalanceReader
from ledger.store.cache import BalanceCache
from ledger.store.directory import Directory, queries
from ledger.store.long_reads import long_read
from tests.unit.ledger.builders import NOW

SHARDS, MEMBERS = 3, FINDINGS_MAX + 20
IMPATIENT_S = 0.4
"""How long a caller's statement may take here; waits of twice that stand for a shard that takes minutes."""


@dataclass
class Books:
    """A program in each of three shards, each with so many members, whose balances are wrong in the first two."""

    databases: ServiceDatabase
    opened: list[Database]

    async def open(self, size: int) -> Database:
        """The ledger's database through so many connections."""
        self.opened.append(await Database.open(self.databases.runtime_url, name="test", size=size))
        return self.opened[-1]

    async def verification(self, size: int = 5) -> Verification:
        """A verification as a worker has it, the cache being away."""
        database = await self.open(size)
        cache = BalanceCache(database, structlog.get_logger())
        return Verification(database, Directory(database), BalanceReader(database), cache, SystemClock())

    async def fill(self) -> None:
        """Makes the programs."""
        database = await self.open(1)
        async with database.transaction() as connection:
            for shard in range(SHARDS):
                program = await queries.insert_program(
                    connection, id=f"p{shard}", display_name="", time_zone="UTC", shard=shard, create_time=NOW
                )
                unit = await queries.insert_unit(
                    connection, program=program["program"], id="points", display_name="", scale=0
                )
                made = queries.insert_accounts(
                    connection,
                    shard=shard,
                    program=program["program"],
                    ids=[shard * 1_000 + n for n in range(1, MEMBERS + 1)],
                    units=[unit["unit"]] * MEMBERS,
                    kinds=[AccountKind.MEMBER] * MEMBERS,
                    names=[f"m-{n}" for n in range(MEMBERS)],
                    create_time=NOW,
                    outgoings=[""] * MEMBERS,
                )
                assert len([row async for row in made]) == MEMBERS
        owner = await asyncpg.connect(self.databases.owner_url)
        await owner.execute("update accounts set posted = posted + 1, available = available + 1 where shard < 2")
        await owner.close()


@pytest.fixture
async def books(database: Callable[[str], ServiceDatabase]) -> AsyncIterator[Books]:
    made = Books(database("ledger"), [])
    await made.fill()
    yield made
    for opened in made.opened:
        await opened.close(timedelta())


async def test_a_verification_ends_once_it_has_found_enough_and_looks_at_no_further_shard(books: Books) -> None:
    steps = [step async for step in (await books.verification()).run()]
    assert steps[-1].done
    assert steps[-1].accounts == MEMBERS
    assert len(steps[-1].findings) == FINDINGS_MAX
    assert {one.subject.split("/")[1] for one in steps[-1].findings} == {"p0"}


async def test_verifications_run_one_after_the_other_however_many_are_asked_for(books: Books) -> None:
    """Each holds three connections and takes a fourth now and then: two of them could wait for each other for ever."""
    verification = await books.verification(size=4)

    async def phases() -> list[str]:
        return [step.phase async for step in verification.run()]

    ran = await asyncio.gather(*(phases() for _ in range(8)))
    assert all(one[-1] == "done" for one in ran)
    assert [one[0] == "waiting" for one in ran] == [False] + [True] * 7


async def test_who_leaves_in_the_middle_makes_room_for_the_next(books: Books) -> None:
    verification = await books.verification(size=4)
    first, second = verification.run(), verification.run()
    assert (await anext(first)).phase == "accounts, chain, journal"
    assert (await anext(second)).phase == "waiting"
    await first.aclose()
    assert [step.phase async for step in second][-1] == "done"


async def test_a_statement_of_a_long_read_may_take_longer_than_a_callers(books: Books) -> None:
    url, slow = books.databases.runtime_url, f"select 1 from pg_sleep({2 * IMPATIENT_S})"
    database = Database(await asyncpg.create_pool(url, min_size=0, max_size=1, command_timeout=IMPATIENT_S), Limits())
    books.opened.append(database)
    with pytest.raises(Unavailable):
        async with database.acquire() as connection:
            await connection.fetchval(slow)
    async with long_read(database) as long:
        assert await long.fetchval("show statement_timeout") == "10min"
        assert await long.fetchval(slow) == 1
        assert (await long.fetchrow(slow))[0] == 1
        assert len(await long.fetch(slow)) == 1
