"""PostgreSQL's clock may be set back, or a standby whose clock is behind take over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import asyncpg

from guerdon_kit.clock import SystemClock
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from ledger.domain.model import LONG_AGO, NEVER, Kind
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


async def test_a_lot_that_expires_before_the_accounts_last_record_time_keeps_no_credit_out(
    database: Callable[[str], ServiceDatabase],
) -> None:
    made = database("ledger")
    owner = await asyncpg.connect(made.owner_url)
    await owner.execute(_FILL)
    ledger = await Database.open(made.runtime_url, name="test")
    directory = Directory(ledger)
    names = [f"programs/shop/accounts/{name}" for name in ("issuance.points", "ada")]
    issuance, ada = [await directory.account(name) for name in names]
    soon = await owner.fetchval("select now()") + timedelta(minutes=5)

    async def earn(key: str, expires: Any) -> Any:
        order = TransactionOrder(
            ada.program, Kind.EARN, (PostingOrder(issuance, ada, 10, expires, LONG_AGO),), None, "tester", ""
        )
        work = Post.of(order, Fingerprint(key.encode(), b"body", b"", cast("Any", None)))
        return (await ledger.run(Batch([work], directory, SystemClock()).run)).answers[0]

    assert isinstance(await earn("r1", soon), Done)
    await owner.execute("update accounts set record_time = now() + interval '10 minutes' where id = 11")
    answer = await earn("r2", NEVER)
    assert isinstance(answer, Done)
    assert (answer.outcome.balances[0].posted, answer.outcome.balances[0].version) == (10, 3)
    await owner.close()
    await ledger.close()
