"""A recognition database with one organisation and three people; and a ledger and a recognition service to kill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime

import pytest

from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from recognition.domain.organisations import Organisation
from recognition.domain.people import NewPerson
from recognition.domain.periods import PeriodKind
from recognition.domain.plans import Terms
from recognition.domain.profiles import Profile
from recognition.store import organisations, people, plans
from tests.contract.recognition.world import World

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

UMBRELLA = Organisation(
    id="umbrella",
    display_name="Umbrella",
    program="umbrella-points",
    unit="points",
    time_zone="Europe/London",
    values=("#teamwork", "#care"),
    create_time=NOW,
)


@pytest.fixture
def url(database: Callable[[str], ServiceDatabase]) -> str:
    """The address of the test's database."""
    return database("recognition").runtime_url


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    opened = await Database.open(url, name="test", size=8)
    newcomers = [
        NewPerson("umbrella", name, Profile(name.title(), f"issuer|{name}")) for name in ("ann", "ben", "cleo")
    ]
    async with opened.transaction() as connection:
        assert await organisations.insert(connection, UMBRELLA, "tester")
        assert len(await people.insert(connection, "umbrella", newcomers, "tester", NOW)) == 3
        terms = Terms(PeriodKind.MONTH, 200)
        await plans.insert(connection, "umbrella", date(2026, 11, 1), terms, "tester", NOW)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def running(
    module_services: ServiceFactory, databases: DatabaseFactory
) -> Iterator[tuple[RunningService, RunningService]]:
    """A ledger, and two workers of the recognition service that are quick to notice."""
    ledger = module_services.start("ledger", databases.make("ledger"))
    [scim_port] = free_ports(1)
    recognition = module_services.start(
        "recognition",
        databases.make("recognition"),
        targets={"ledger": ledger.target},
        settings={
            "workers": "2",
            "scim_listen": f"{LOOPBACK}:{scim_port}",
            "lease_s": "2",
            "ledger_timeout_s": "1.5",
            "recovery_poll_s": "0.2",
            "allowance_poll_s": "0.2",
            "celebration_poll_s": "0.2",
            "billing_poll_s": "0.2",
            "leaver_look_s": "0.5",
        },
    )
    yield ledger, recognition
    databases.drop(recognition.database)
    databases.drop(ledger.database)


@pytest.fixture
async def world(
    running: tuple[RunningService, RunningService], module_services: ServiceFactory
) -> AsyncIterator[World]:
    made = World(*running, module_services.identity)
    yield made
    await made.close()
