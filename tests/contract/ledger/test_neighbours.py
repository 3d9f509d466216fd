"""What a list costs where a neighbour has much: in a ledger of its own, which the neighbour's rows would spoil for
others, because they were written behind its back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.lists import transactions
from tests.contract.ledger.world import Shop

LOOK_MAX = 10_000


@pytest.fixture(scope="module")
def running(module_services: ServiceFactory, databases: DatabaseFactory) -> Iterator[RunningService]:
    service = module_services.start("ledger", databases.make("ledger"))
    yield service
    service.process.stop()
    databases.drop(service.database)


async def test_a_page_looks_at_a_bounded_number_of_a_neighbours_transactions(
    shop: Shop, running: RunningService
) -> None:
    await shop.add("ada")
    first = await shop.earn("ada", 1)
    await post_beside(shop, running, "now()")
    last = await shop.earn("ada", 2)
    assert 2 * LOOK_MAX < 6 * 4096
    pages = await transactions(shop)
    assert [[found.name for found in page] for page in pages] == [[last], [], [first]]


async def test_whoever_asks_for_what_is_new_does_not_walk_a_neighbours_history(
    shop: Shop, running: RunningService
) -> None:
    await shop.add("ada")
    await post_beside(shop, running, "now() - interval '1 day'")
    names = [await shop.earn("ada", 1), await shop.earn("ada", 2)][::-1]
    assert len(await transactions(shop)) > 2
    now = datetime.now(UTC)
    [page] = await transactions(shop, since=now - timedelta(hours=1))
    assert [found.name for found in page] == names
    newest = page[0].record_time.ToDatetime(UTC)
    assert newest > page[1].record_time.ToDatetime(UTC)
    assert [[found.name for found in page] for page in await transactions(shop, since=newest)] == [names[:1]]
    assert await transactions(shop, since=now + timedelta(days=1)) == [[]]
    # Some of the neighbour's are as new as what is asked for: it is gone on behind them.
    pages = await transactions(shop, since=now - timedelta(days=1, minutes=5))
    assert [len(page) for page in pages[:3]] == [2, 0, 0]


async def post_beside(shop: Shop, running: RunningService, time: str) -> None:
    """Has a neighbour of the program post more than two pages look at, recorded at `time`, in SQL."""
    owner = await asyncpg.connect(running.database.owner_url)
    await owner.execute(
        f"""insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
           select p.shard, b.first + n, 0, 1, 1, {time}, {time}, 'neighbour'
           from programs p, (select nextval('ledger_ids') as first from generate_series(1, 6)) as b,
                generate_series(0, 4095) as n
           where p.id = $1""",
        shop.name.removeprefix("programs/"),
    )
    await owner.close()
