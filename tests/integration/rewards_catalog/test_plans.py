"""A page of rewards, and an account's redemptions in a period, are read from an index: measured in what they read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from guerdon_kit.postgres import load_queries
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory
from tests.integration.ledger.test_plans import Explained

queries = load_queries("rewards_catalog")

_FILL = """
insert into rewards (
    program, id, version, title, description, localizations, titles, image_uri, category, terms, unit, price,
    min_points, fulfilment, limit_per_account, limit_per_period, limit_in_all, refund_policy, refund_days, time_zone,
    state, create_time, update_time
)
select
    'p' || n % 10, 'r' || n, 1, 'Mug', '', '{}', 'mug', '', '', '', 'points', 1 + n % 700,
    1 + n % 700, 'STOCK', 0, 0, 0, 'NONE', 0, 'UTC', 'ACTIVE', now() - n * interval '1 minute', now()
from generate_series(1, 5000) as n;
insert into stock (program, reward, available) select program, id, 1 from rewards;
insert into redemptions (
    program, id, reward, reward_version, account, title, unit, price, fulfilment, actor, request_key, create_time,
    hold_expire_time, state, transaction, fulfil_time, update_time, wallet
)
select
    'p1', 'rd' || n, 'r1', 1, 'a' || n % 500, 'Mug', 'points', 1, 'STOCK', 'a', 'k', now() - n * interval '1 minute',
    now(), 'FULFILLED', 't', now(), now(), ''
from generate_series(1, 5000) as n;
"""
_SOUGHT: dict[str, Any] = {
    "program": "p1",
    "unit": "points",
    "now": datetime(2026, 1, 1, tzinfo=UTC),
    "kinds": [],
    "category": "",
    "title_part": "",
    "min_price": 0,
    "max_price": 2**53,
    "most_points": 2**53,
    "tiers": [],
    "segments": [],
    "after_id": "",
    "most": 51,
}
FEW_PAGES = 300
"""Those of 50 rewards and of the stock of each; those of all rewards of the program are thousands."""


@pytest.fixture(scope="module")
def database(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    made = databases.make("rewards_catalog")
    yield made
    databases.drop(made)


@pytest.fixture
async def connection(database: ServiceDatabase) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to a catalog of 5,000 rewards of ten programs, and 5,000 redemptions of one of them."""
    opened = await asyncpg.connect(database.owner_url)
    if not await opened.fetchval("select exists (select from rewards)"):
        await opened.execute(_FILL)
        await opened.execute("vacuum analyze")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("query", "after", "plans"),
    [
        ("list_cheapest_rewards", 20, "force_generic_plan"),
        ("list_dearest_rewards", 600, "force_generic_plan"),
        # A plan for any filters takes the newest to be few, and sorts them: the planner has to know the filters.
        ("list_newest_rewards", datetime(2100, 1, 1, tzinfo=UTC), "force_custom_plan"),
    ],
)
async def test_a_page_of_rewards_reads_what_it_shows(
    connection: asyncpg.Connection[asyncpg.Record], query: str, after: object, plans: str
) -> None:
    explained = Explained(connection, plans)
    async for _ in getattr(queries, query)(explained, **_SOUGHT, after=after):
        pass
    assert 0 < explained.pages < FEW_PAGES


async def test_the_redemptions_of_a_period_are_counted_among_those_of_one_account_and_reward(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    explained = Explained(connection)
    await queries.count_redemptions_in_span(
        explained,
        program="p1",
        reward="r1",
        account="a7",
        except_id="rd7",
        start_time=datetime(2000, 1, 1, tzinfo=UTC),
        end_time=datetime(2100, 1, 1, tzinfo=UTC),
        most=10,
    )
    assert 0 < explained.pages < FEW_PAGES


async def test_providers_that_do_not_answer_keep_no_other_redemption_waiting(
    connection: asyncpg.Connection[asyncpg.Record],
) -> None:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    claim = {"now": due, "lease_end": datetime(2027, 1, 1, tzinfo=UTC), "most": 10}
    undone = connection.transaction()
    await undone.start()
    await connection.execute(
        "update redemptions set state = 'FULFILMENT_UNKNOWN', fulfilment = 'PROVIDER', ask_time = $1, due_time = $1",
        due,
    )
    await connection.execute("update redemptions set state = 'CAPTURED' where program = 'p1' and id = 'rd7'")
    asked = [row["id"] async for row in queries.claim_unknown_fulfilments(connection, **claim)]
    assert len(asked) == 10
    assert "rd7" not in asked
    explained = Explained(connection)
    assert [row["id"] async for row in queries.claim_redemptions(connection, **claim)] == ["rd7"]
    async for _ in queries.claim_redemptions(explained, **claim):
        pass
    assert 0 < explained.pages < FEW_PAGES
    await undone.rollback()
