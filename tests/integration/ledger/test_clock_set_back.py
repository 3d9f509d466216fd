"""PostgreSQL's clock may be set back, or a standby whose clock is behind take over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import asyncpg
import pytest

from guerdon_kit.clock import SystemClock
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from ledger.domain.model import LONG_AGO, NEVER, Account, Kind
from ledger.domain.posting import PostingOrder, TransactionOrder
from ledger.operations.batch import Batch, Done
from ledger.operations.work import Post
from ledger.store.directory import Directory

_FILL = """
insert into programs values (1, 'shop', 'Shop', 'UTC', 0, now());
insert into units values (1, 2, 'points', 'Points', 0);
insert into accounts (shard, id, program, unit, kind, name, create_time)
values (0, 11, 1, 2, 1, 'ada', now()), (0, 12, 1, 2, 2, 'issuance.points', now()),
       (0, 13, 1, 2, 4, 'breakage.points', now())
"""


@dataclass
class Till:
    """Posts straight through a batch, as a worker does."""

    owner: asyncpg.Connection[asyncpg.Record]
    database: Database
    directory: Directory
    issuance: Account
    ada: Account

    async def earn(self, key: str, expires: datetime = NEVER) -> Any:
        """Earns 10."""
        order = TransactionOrder(
            self.ada.program,
            Kind.EARN,
            (PostingOrder(self.issuance, self.ada, 10, expires, LONG_AGO),),
            None,
            "tester",
            "",
        )
        work = Post.of(order, Fingerprint(key.encode(), b"body", b"", cast("Any", None)))
        return (await self.database.run(Batch([work], self.directory, SystemClock()).run)).answers[0]


@pytest.fixture
async def till(database: Callable[[str], ServiceDatabase]) -> AsyncIterator[Till]:
    made = database("ledger")
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute(_FILL)
    ledger = await Database.open(made.runtime_url, name="test")
    directory = Directory(ledger)
    names = [f"programs/shop/accounts/{name}" for name in ("issuance.points", "ada")]
    issuance, ada = [await directory.account(name) for name in names]
    yield Till(owner, ledger, directory, issuance, ada)
    await owner.close()
    await ledger.close()


async def test_a_lot_that_expires_before_the_accounts_last_record_time_keeps_no_credit_out(till: Till) -> None:
    soon = await till.owner.fetchval("select now()") + timedelta(minutes=5)
    assert isinstance(await till.earn("r1", soon), Done)
    await till.owner.execute("update accounts set record_time = now() + interval '10 minutes' where id = 11")
    answer = await till.earn("r2")
    assert isinstance(answer, Done)
    assert (answer.outcome.balances[0].posted, answer.outcome.balances[0].version) == (10, 3)


async def test_nothing_is_recorded_within_closed_books_though_the_clock_points_into_them(till: Till) -> None:
    """An expiry and an earn, with the books closed up to a time that the clock has still to reach again."""
    soon = await till.owner.fetchval("select now()") + timedelta(minutes=5)
    assert isinstance(await till.earn("r1", soon), Done)
    close_time = soon + timedelta(minutes=5)
    await till.owner.execute("insert into books_changes values (0, 1, 1, $1, 'a', 'a', '', $1)", close_time)
    assert isinstance(await till.earn("r2"), Done)
    found = await till.owner.fetch("select kind, effective_time, record_time from transactions order by id")
    assert [row["kind"] for row in found] == [Kind.EARN, Kind.EXPIRY, Kind.EARN]
    assert all(row["record_time"] >= row["effective_time"] >= close_time for row in found[1:])
