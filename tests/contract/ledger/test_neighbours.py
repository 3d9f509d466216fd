"""What a list costs where a neighbour has much: in a ledger of its own, which the neighbour's rows would spoil for
others, because they were written behind its back.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    owner = await asyncpg.connect(running.database.owner_url)
    await owner.execute(
        """insert into transactions (shard, id, program, kind, postings, effective_time, record_time, actor)
           select p.shard, b.first + n, 0, 1, 1, now(), now(), 'neighbour'
           from programs p, (select nextval('ledger_ids') as first from generate_series(1, 6)) as b,
                generate_series(0, 4095) as n
           where p.id = $1""",
        shop.name.removeprefix("programs/"),
    )
    await owner.close()
    last = await shop.earn("ada", 2)
    assert 2 * LOOK_MAX < 6 * 4096
    pages = await transactions(shop)
    assert [[found.name for found in page] for page in pages] == [[last], [], [first]]
