"""A recognition database with one organisation and three people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from recognition.domain.organisations import Organisation
from recognition.domain.people import NewPerson
from recognition.store import organisations, people

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

UMBRELLA = Organisation(
    id="umbrella",
    display_name="Umbrella",
    program="umbrella-points",
    unit="points",
    time_zone="Europe/London",
    values=("#teamwork", "#care"),
    monthly_allowance=200,
    create_time=NOW,
)


@pytest.fixture
async def db(database: Callable[[str], ServiceDatabase]) -> AsyncIterator[Database]:
    opened = await Database.open(database("recognition").runtime_url, name="test", size=8)
    newcomers = [NewPerson("umbrella", name, name.title(), f"issuer|{name}") for name in ("ann", "ben", "cleo")]
    async with opened.transaction() as connection:
        assert await organisations.insert(connection, UMBRELLA, "tester")
        assert len(await people.insert(connection, "umbrella", newcomers, "tester", NOW)) == 3
    yield opened
    await opened.close()
