"""A database with the kit's own tables, an empty Redis, and a server that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.postgres import Database, migrate
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory
from tests.integration.kit.echo import Wire, wire


@pytest.fixture
def empty_database(databases: DatabaseFactory) -> Iterator[ServiceDatabase]:
    database = databases.make("kit", migrated=False)
    yield database
    databases.drop(database)


@pytest.fixture
async def kit_database(empty_database: ServiceDatabase) -> ServiceDatabase:
    await migrate.apply(empty_database.owner_url, migrate.KIT, empty_database.runtime_role)
    return empty_database


@pytest.fixture
async def db(kit_database: ServiceDatabase) -> AsyncIterator[Database]:
    database = await Database.open(kit_database.runtime_url, name="test", size=8)
    yield database
    await database.close()


@pytest.fixture
async def events_redis(fresh_endpoints: Endpoints) -> AsyncIterator[Redis]:
    redis = Redis.from_url(fresh_endpoints.redis_events_url, socket_timeout=10)
    yield redis
    await redis.aclose()


@pytest.fixture
async def served(identity: DevelopmentIdentity) -> AsyncIterator[Wire]:
    async with wire(identity) as made:
        yield made
