"""A membership database with one program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from guerdon_kit.postgres import Database
from guerdon_kit.postgres.provision import ServiceDatabase
from membership.domain.calendar import ExpiryPolicy
from membership.domain.earning import Rounding
from membership.domain.program import Program, Settings
from membership.domain.rules import Outcome, Rule
from membership.domain.tiers import Tier
from membership.store import programs

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

ACME = Settings(
    program_id="acme",
    unit_id="points",
    currency_code="USD",
    rule=Rule("base", Outcome.SPEND, Fraction(1, 100), Rounding.DOWN),
    expiry=ExpiryPolicy(12),
    welcome_points=50,
    tiers=(Tier("silver", 100, Fraction(5, 4)), Tier("gold", 500, Fraction(2))),
)


@dataclass
class SetClock:
    """A clock that stands where the test puts it."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    def offset(self) -> timedelta:
        return timedelta()


@pytest.fixture
async def db(database: Callable[[str], ServiceDatabase]) -> AsyncIterator[Database]:
    opened = await Database.open(database("membership").runtime_url, name="test", size=8)
    yield opened
    await opened.close()


@pytest.fixture
async def program(db: Database) -> Program:
    async with db.transaction() as connection:
        made = await programs.insert(connection, ACME, "America/New_York", NOW, "tester")
    assert made is not None
    return made
