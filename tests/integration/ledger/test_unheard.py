"""Commits that nobody heard of, and reversals that no member account brings together, on a real database and cache."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
import pytest
import structlog
from redis.asyncio import Redis

from guerdon_kit.clock import SystemClock
from guerdon_kit.embedded import Endpoints
from guerdon_kit.errors import Unavailable
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.database import Connection as DatabaseConnection
from guerdon_kit.testing import DatabaseFactory
from ledger.domain.book import Book
from ledger.domain.errors import OverReversal
from ledger.domain.model import LONG_AGO, NEVER, Kind
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.domain.reversal import Original, OriginalPosting, Policy, ReversalOrder
from ledger.operations.balances import Balances
from ledger.operations.batch import Batch, Done
from ledger.operations.commit import Committer, Taken, WriteThrough
from ledger.operations.work import Post, Reverse
from ledger.store.balances import BalanceReader
from ledger.store.cache import BalanceCache
from ledger.store.directory import Directory

_FILL = """
insert into programs values (1, 'shop', 'Shop', 'UTC', 0, now());
insert into units values (1, 2, 'points', 'Points', 0);
insert into accounts (shard, id, program, unit, kind, name, create_time)
values (0, 11, 1, 2, 1, 'ada', now()), (0, 12, 1, 2, 2, 'issuance.points', now()),
       (0, 13, 1, 2, 6, 'budget.points', now())
"""


@dataclass
class Parts:
    """The ledger's parts as one worker has them."""

    database: Database
    directory: Directory
    cache: BalanceCache
    balances: Balances

    def committer(self, write_through: WriteThrough) -> Committer:
        return Committer(self.database, self.directory, SystemClock(), write_through, structlog.get_logger())

    async def post(self, key: str, kind: Kind, source: str, to: str, amount: int) -> Post:
        one, other = [await self.directory.account(f"programs/shop/accounts/{name}") for name in (source, to)]
        postings = (PostingOrder(one, other, amount, NEVER, LONG_AGO),)
        return Post.of(TransactionOrder(one.program, kind, postings, None, "tester", ""), fingerprint(key))

    async def version(self) -> int:
        return (await self.balances.get(await self.directory.account("programs/shop/accounts/ada"))).version

    def another(self, redis: Redis) -> Parts:
        """A worker that starts on the same servers."""
        cache = BalanceCache(self.database, structlog.get_logger())
        cache.use(redis)
        balances = Balances(BalanceReader(self.database), cache, SystemClock())
        return Parts(self.database, self.directory, cache, balances)


def fingerprint(key: str) -> Fingerprint:
    return Fingerprint(key.encode(), b"body", b"", cast("Any", None))


async def killed(_books: Sequence[Book] | None) -> None:
    """The worker dies after the commit and before it has written to the cache."""


def later() -> float:
    return time.monotonic() + 10


@pytest.fixture
async def redis(fresh_endpoints: Endpoints) -> AsyncIterator[Redis]:
    opened = Redis.from_url(fresh_endpoints.redis_cache_url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def parts(databases: DatabaseFactory, redis: Redis) -> AsyncIterator[Parts]:
    made = databases.make("ledger")
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute(_FILL)
    await owner.close()
    database = await Database.open(made.runtime_url, name="test")
    worker = Parts(database, Directory(database), cast("Any", None), cast("Any", None)).another(redis)
    await worker.cache.confirm()
    yield worker
    await database.close()
    databases.drop(made)


async def test_a_replay_shows_what_its_first_worker_died_before_showing(parts: Parts) -> None:
    assert await parts.version() == 0
    work = await parts.post("r1", Kind.EARN, "issuance.points", "ada", 10)
    await parts.committer(killed).submit([work], later())
    assert await parts.version() == 0  # nobody was answered
    [answer] = await parts.committer(parts.cache.write_through).submit([work], later())
    assert isinstance(answer, Done)
    assert answer.replayed
    assert await parts.version() == 1


async def test_a_worker_that_starts_lets_nobody_believe_what_one_before_it_may_have_left(
    parts: Parts, redis: Redis
) -> None:
    assert await parts.version() == 0
    work = await parts.post("r1", Kind.EARN, "issuance.points", "ada", 10)
    await parts.committer(killed).submit([work], later())
    started = parts.another(redis)
    await started.cache.confirm()
    assert await started.version() == 1
    assert await parts.version() == 1


async def test_a_worker_whose_sentinel_another_has_changed_leaves_nobody_an_older_value(
    parts: Parts, redis: Redis
) -> None:
    other = parts.another(redis)
    await other.cache.confirm()  # moves the generation on, as every start does; `parts` has not looked since
    assert await other.version() == 0
    work = await parts.post("r1", Kind.EARN, "issuance.points", "ada", 10)
    [answer] = await parts.committer(parts.cache.write_through).submit([work], later())
    assert isinstance(answer, Done)
    assert await other.version() == 1  # at once: `other` has not looked either


async def test_after_a_commit_of_unknown_outcome_nobody_believes_older_values(parts: Parts, redis: Redis) -> None:
    other = parts.another(redis)
    await other.cache.confirm()
    await parts.cache.confirm()
    assert await parts.version() == 0
    work = await parts.post("r1", Kind.EARN, "issuance.points", "ada", 10)
    committer = parts.committer(parts.cache.write_through)
    run = committer._run

    async def unheard(taken: Taken) -> Any:
        await run(taken)
        raise Unavailable

    committer._run = unheard  # type: ignore[method-assign]  # a connection that is lost during COMMIT, again and again
    [answer] = await committer.submit([work], later())
    assert isinstance(answer, Unavailable)
    await parts.cache.confirm()
    assert await parts.version() == 1
    assert await other.version() == 1


async def test_two_reversals_of_one_funding_at_once_take_it_back_once(parts: Parts) -> None:
    fund = await parts.post("f", Kind.FUND, "issuance.points", "budget.points", 100)
    [done] = await parts.committer(killed).submit([fund], later())
    assert isinstance(done, Done)
    [posting] = fund.order.postings
    id_ = done.outcome.transaction
    original = Original(
        id_, fund.program, Kind.FUND, 1, (OriginalPosting(id_, posting.source, posting.destination, 100, (), ()),)
    )
    order = ReversalOrder(0, Policy.ALLOW_NEGATIVE, "tester", "")
    locked, go_on = asyncio.Event(), asyncio.Event()

    async def first(connection: DatabaseConnection) -> Any:
        result = await batch("r1").run(connection)
        locked.set()
        await go_on.wait()
        return result

    def batch(key: str) -> Batch:
        return Batch([Reverse(fingerprint(key), order, original, fund.program)], parts.directory, SystemClock())

    one = asyncio.create_task(parts.database.run(first))
    await locked.wait()
    other = asyncio.create_task(parts.database.run(batch("r2").run))
    await asyncio.wait([other], timeout=0.3)
    go_on.set()
    [reversed_], [refused] = (await one).answers, (await other).answers
    assert isinstance(reversed_, Done)
    assert isinstance(refused, OverReversal)
