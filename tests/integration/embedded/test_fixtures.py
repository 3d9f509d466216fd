"""What tests are given: databases of their own, empty Redis databases, and patience with an end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from guerdon_kit.embedded import Endpoints
from guerdon_kit.postgres.provision import connected
from guerdon_kit.testing import DatabaseFactory, wait_until
from guerdon_kit.testing.fixtures import RedisDatabases


@pytest.fixture
def smallest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with one migration."""
    package = tmp_path / "migrated"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "migrations" / "0001_things.sql").write_text(
        'CREATE TABLE things (n int); GRANT SELECT, INSERT ON things TO :"runtime_role";'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return "migrated"


@pytest.fixture
def factory(endpoints: Endpoints) -> Iterator[DatabaseFactory]:
    made = DatabaseFactory(endpoints.postgres_url)
    yield made
    made.drop_all()


async def test_each_database_is_migrated_and_apart(factory: DatabaseFactory, smallest: str) -> None:
    one, two = factory.make(smallest), factory.make(smallest)
    async with connected(one.runtime_url) as connection:
        await connection.execute("INSERT INTO things VALUES (1)")
    async with connected(two.runtime_url) as connection:
        assert await connection.fetchval("SELECT count(*) FROM things") == 0


async def test_a_dropped_database_is_gone_whoever_is_connected(factory: DatabaseFactory, smallest: str) -> None:
    database = factory.make(smallest)
    connection = await asyncpg.connect(database.runtime_url)
    factory.drop(database)
    connection.terminate()
    async with connected(factory.admin_url) as admin:
        assert not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", database.name)


async def test_nothing_is_left_of_a_factory(endpoints: Endpoints, smallest: str) -> None:
    factory = DatabaseFactory(endpoints.postgres_url)
    database = factory.make(smallest)
    factory.drop_all()
    async with connected(endpoints.postgres_url) as admin:
        for table, column in (("pg_database", "datname"), ("pg_roles", "rolname")):
            prefix = database.name.partition("_")[0]
            assert await admin.fetchval(f"SELECT count(*) FROM {table} WHERE {column} LIKE $1", prefix + "%") == 0


def test_fresh_endpoints_are_empty(endpoints: Endpoints, fresh_endpoints: Endpoints) -> None:
    for url, usual in (
        (fresh_endpoints.redis_cache_url, endpoints.redis_cache_url),
        (fresh_endpoints.redis_events_url, endpoints.redis_events_url),
    ):
        with redis.Redis.from_url(usual) as client:
            client.set("usual", "1")
        with redis.Redis.from_url(url) as client:
            assert client.dbsize() == 0


def test_no_two_have_the_same_redis_database_at_a_time(endpoints: Endpoints, redis_databases: RedisDatabases) -> None:
    with redis_databases.one() as one, redis_databases.one() as other:
        urls = [url for own in (one, other, endpoints) for url in (own.redis_cache_url, own.redis_events_url)]
        assert len(set(urls)) == 6


async def test_waiting_returns_what_became_true() -> None:
    answers = iter([0, None, 7])

    async def ask() -> int | None:
        return next(answers)

    assert await wait_until(ask) == 7


async def test_waiting_has_an_end_and_tells_the_last_answer() -> None:
    with pytest.raises(TimeoutError, match=r"last answer: \[\]"):
        await wait_until(list, timeout_s=0.05)
