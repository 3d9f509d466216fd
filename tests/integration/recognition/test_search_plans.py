"""A page of what is found by words reads little, be they common or rare."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from guerdon_kit.postgres import load_queries
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory
from tests.integration.ledger.test_plans import Explained

queries = load_queries("recognition")

FEW_PAGES = 400
"""Those of 51 recognitions with whom they concern; those of all are a thousand."""
_FILL = """
insert into organisations values ('acme', 'Acme', 'acme', 'points', 'UTC', '{}', false, 'tester', now());
insert into people (
    organisation, person, display_name, identity, allowance_account, rewards_account, role, country, user_name,
    celebrations_opt_out, leaderboards_opt_out, actor, create_time
)
select 'acme', 'p' || n, 'P', '', 'a' || n, 'r' || n, 'giver', '', '', false, false, 'tester', now()
from generate_series(0, 99) as n;
insert into recognitions (
    organisation, recognition, giver, amount, message, purposes, visibility, state, actor, create_time
)
select
    'acme', 'r' || n, 'p' || n % 100, 1,
    'Well done ' || repeat('-', 400) || case when n % 5000 = 1 then ' Zanzibar' else '' end, '{}', 'public',
    'posted', 'tester', now() - n * interval '1 minute'
from generate_series(1, 10000) as n;
insert into recognition_people
select 'acme', 'r' || n, 'p' || (n + position) % 100, position, now() - n * interval '1 minute'
from generate_series(1, 10000) as n cross join generate_series(0, 1) as position;
analyze;
"""
_ANYTHING: dict[str, Any] = {
    "organisation": "acme",
    "viewer": "p1",
    "purpose": None,
    "since": "0001-01-01",
    "before_time": "9999-01-01",
    "before": "",
    "person": None,
    "gave": None,
    "receiver": None,
    "team": None,
    "most": 51,
}


@pytest.fixture(scope="module")
def database(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    made = databases.make("recognition")
    yield made
    databases.drop(made)


@pytest.fixture
async def connection(database: ServiceDatabase) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to an organisation with 10,000 recognitions."""
    opened = await asyncpg.connect(database.owner_url)
    if not await opened.fetchval("select exists (select from recognitions)"):
        await opened.execute(_FILL)
    yield opened
    await opened.close()


@pytest.mark.parametrize("words", ["done", "zanzibar", "zanzibar done", "nowhere"])
async def test_words_are_found_in_few_pages(connection: asyncpg.Connection[asyncpg.Record], words: str) -> None:
    explained = Explained(connection, plans="force_custom_plan")
    async for _ in queries.search_recognitions(explained, words=words, **_ANYTHING):
        pass
    assert explained.pages < FEW_PAGES
