"""What the tables promise, whoever comes at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest

from guerdon_kit.clock import FixedClock
from guerdon_kit.grpc import Remote
from guerdon_kit.postgres import Database
from guerdon_kit.postgres.database import Limits
from recognition.clients.award_budgets import AwardBudgetBook
from recognition.clients.ledger import LEDGER, Ledger
from recognition.domain.allowances import BUDGET_EXHAUSTED, GrantState, Purpose, settle
from recognition.domain.award_budgets import NewAwardBudget
from recognition.domain.budgets import BudgetMode, BudgetTerms
from recognition.domain.celebrations import LeapDay, Policy
from recognition.domain.people import NewPerson
from recognition.domain.periods import Period, PeriodKind, calendar_period
from recognition.domain.plans import Terms
from recognition.domain.profiles import Birthday, Profile
from recognition.domain.recognitions import Visibility
from recognition.domain.roles import Role
from recognition.operations import celebrating
from recognition.operations.granting import Granting
from recognition.operations.paying import Paying
from recognition.store import allowances, award_budgets, budgets, celebrations, organisations, people, plans
from tests.integration.recognition.conftest import NOW, UMBRELLA

NOVEMBER = calendar_period(PeriodKind.MONTH, date(2026, 11, 21), "Europe/London")
DECEMBER = calendar_period(PeriodKind.MONTH, NOVEMBER.next_day, "Europe/London")
TERMS = Terms(PeriodKind.MONTH, 200)


async def test_planners_at_once_plan_each_person_once(db: Database) -> None:
    async def plan() -> int:
        async with db.transaction() as connection:
            return (await allowances.plan(connection, UMBRELLA, TERMS, NOVEMBER, NOW)).planned

    counts = await asyncio.gather(*(plan() for _ in range(6)))
    assert sorted(counts) == [0, 0, 0, 0, 0, 3]
    assert await _unplanned(db, NOW.date()) == []
    assert await _unplanned(db, DECEMBER.first_day) == ["umbrella"]


async def test_a_month_once_planned_leaves_out_the_months_before_it(db: Database) -> None:
    async with db.transaction() as connection:
        assert (await allowances.plan(connection, UMBRELLA, TERMS, DECEMBER, NOW)).planned == 3
        late = await allowances.plan(connection, UMBRELLA, TERMS, NOVEMBER, NOW)
    assert (late.planned, late.existing) == (0, 0)


async def test_an_organisation_that_cannot_be_planned_now_keeps_no_other_from_its_month(db: Database, url: str) -> None:
    zeta = replace(UMBRELLA, id="zeta")
    async with db.transaction() as connection:
        await organisations.insert(connection, zeta, "tester")
        await plans.insert(connection, "zeta", NOVEMBER.first_day, TERMS, "tester", NOW)
        await people.insert(connection, "zeta", [NewPerson("zeta", "zoe", Profile("Zoe", ""))], "tester", NOW)
    silent = Remote("127.0.0.1:1", LEDGER, lambda *_: "")
    impatient = await Database.open(url, name="impatient", limits=Limits(lock=timedelta(milliseconds=200)))
    granting = Granting(impatient, Ledger(silent, timedelta(seconds=1)), FixedClock(NOW), timedelta(seconds=1))
    async with db.transaction() as connection:
        await connection.execute("select from people where organisation = 'umbrella' for update")
        assert await granting.plan_due() == 1
    assert await _unplanned(db, NOW.date()) == ["umbrella"]
    await impatient.close()
    await silent.close()


async def test_every_organisation_that_celebrates_has_its_turn_however_many_there_are(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celebrating, "ORGANISATIONS_AT_ONCE", 2)
    profile = Profile("Zoe", "", birthday=Birthday(NOW.month, NOW.day))
    async with db.transaction() as connection:
        for number in range(5):
            id_ = f"zeta-{number}"
            await organisations.insert(connection, replace(UMBRELLA, id=id_), "tester")
            await people.insert(connection, id_, [NewPerson(id_, "zoe", profile)], "tester", NOW)
            await award_budgets.insert(connection, NewAwardBudget(id_, "awards", "", 30), "tester", NOW)
            policy = Policy(id_, "awards", (), 0, 25, LeapDay.FEBRUARY_28, 0, Visibility.PUBLIC)
            await celebrations.set_policy(connection, policy, NOW.date(), "tester")
    silent = Remote("127.0.0.1:1", LEDGER, lambda *_: "")
    book, clock = AwardBudgetBook(silent, timedelta(seconds=1)), FixedClock(NOW)
    celebrated = celebrating.Celebrations(db, Paying(db, book, clock, timedelta(seconds=10), {}), clock)
    assert [await celebrated.celebrate_due() for _ in range(2)] == [5, 0]
    await silent.close()


async def test_who_joins_or_leaves_within_the_month_is_planned_or_not(db: Database) -> None:
    await _plan(db, NOVEMBER)
    async with db.transaction() as connection:
        await people.insert(connection, "umbrella", [NewPerson("umbrella", "dan", Profile("Dan", ""))], "tester", NOW)
        assert await people.deactivate(connection, "umbrella", "ann", "tester", NOW)
        assert not await people.deactivate(connection, "umbrella", "ann", "tester", NOW)
        joined = await allowances.plan(connection, UMBRELLA, TERMS, NOVEMBER, NOW)
        december = await allowances.plan(connection, UMBRELLA, TERMS, DECEMBER, NOW)
    assert (joined.planned, joined.existing) == (1, 2)
    assert december.planned == 3


async def test_workers_claim_different_grants_until_the_lease_ends(db: Database) -> None:
    await _plan(db, NOVEMBER)
    lease = NOW + timedelta(seconds=10)
    async with db.transaction() as one, db.transaction() as other:
        first = await allowances.claim(one, NOW, lease, 2)
        second = await allowances.claim(other, NOW, lease, 2)
    assert [len(first), len(second)] == [2, 1]
    assert {grant.person for grant in first + second} == {"ann", "ben", "cleo"}
    async with db.transaction() as connection:
        assert await allowances.claim(connection, NOW, lease, 9) == []
        assert len(await allowances.claim(connection, lease, lease + timedelta(seconds=10), 9)) == 3


async def test_a_refused_grant_is_due_again_later_and_a_settled_one_never(db: Database) -> None:
    await _plan(db, NOVEMBER)
    async with db.transaction() as connection:
        grants = await allowances.claim(connection, NOW, NOW + timedelta(seconds=10), 9)
        await allowances.settle(
            connection, [settle(grant, "" if grant.person == "ann" else "ACCOUNT_FROZEN", NOW) for grant in grants]
        )
        assert await allowances.claim(connection, NOW + timedelta(seconds=19), NOW, 9) == []
        due = await allowances.claim(connection, NOW + timedelta(seconds=20), NOW + timedelta(seconds=30), 9)
        assert {grant.person for grant in due} == {"ben", "cleo"}
        granted = await allowances.granted_amounts(
            connection, "umbrella", ["ann", "ben"], Purpose.GIVE, NOVEMBER.first_day
        )
        assert granted == {"ann": 200}
        over = [settle(grant, "INVALID_FIELD", NOVEMBER.end_time) for grant in due]
        assert {settlement.state for settlement in over} == {GrantState.LAPSED}
        await allowances.settle(connection, over)
        assert await allowances.claim(connection, DECEMBER.end_time, DECEMBER.end_time, 9) == []


async def test_a_refusal_from_before_the_budget_was_funded_puts_no_grant_off(db: Database) -> None:
    await _plan(db, NOVEMBER)
    lease = NOW + timedelta(seconds=10)
    async with db.transaction() as connection:
        asked = await allowances.claim(connection, NOW, lease, 9)
        await allowances.wake_short(connection, "umbrella")
        await allowances.settle(connection, [settle(grant, BUDGET_EXHAUSTED, NOW) for grant in asked])
        again = await allowances.claim(connection, NOW, lease, 9)
        assert len(again) == 3
        # Of what is asked after that, a refusal counts.
        await allowances.settle(connection, [settle(grant, BUDGET_EXHAUSTED, NOW) for grant in again])
        assert await allowances.claim(connection, lease, lease, 9) == []
        await allowances.wake_short(connection, "umbrella")
        assert len(await allowances.claim(connection, NOW, lease, 9)) == 3


async def test_terms_reach_the_ledger_one_after_the_other(db: Database) -> None:
    lease, later = NOW + timedelta(seconds=10), NOW + timedelta(seconds=1)
    first, second = [BudgetTerms(BudgetMode.BILLED_ON_REDEMPTION, limit, Fraction(1), "EUR") for limit in (100, 5)]
    async with db.transaction() as connection:
        months = {"first_month": NOVEMBER.first_day, "month": NOVEMBER.first_day}
        await budgets.save(connection, "umbrella", first, "tester", NOW, due_time=NOW, **months)
        assert await budgets.claim_one(connection, "umbrella", NOW, lease)
        await budgets.save(connection, "umbrella", second, "tester", later, due_time=later, **months)
        # The first may be on its way to the ledger still, and would be what it was told last.
        assert not await budgets.claim_one(connection, "umbrella", later, lease)
        await budgets.mark_told(connection, "umbrella", 1, later)
        assert await budgets.claim_one(connection, "umbrella", later, lease)
        await budgets.mark_told(connection, "umbrella", 2, later)
        found = await budgets.find(connection, "umbrella")
    assert found is not None
    assert (found.terms, found.told) == (second, True)


async def test_an_identity_is_one_persons_only(db: Database) -> None:
    async with db.transaction() as connection:
        added = await people.insert(
            connection,
            "umbrella",
            [
                NewPerson("umbrella", "dan", Profile("Dan", "issuer|ann")),
                NewPerson("umbrella", "eve", Profile("Eve", "")),
            ],
            "tester",
            NOW,
        )
        assert added == {"eve"}
        assert await people.find_by_identity(connection, "umbrella", "issuer|ann") == ("ann", Role.GIVER)
        assert await people.find_by_identity(connection, "umbrella", "") is None
        await people.deactivate(connection, "umbrella", "ann", "tester", NOW)
        assert await people.find_by_identity(connection, "umbrella", "issuer|ann") is None


async def _plan(db: Database, month: Period) -> None:
    async with db.transaction() as connection:
        await allowances.plan(connection, UMBRELLA, TERMS, month, NOW)


async def _unplanned(db: Database, day: date) -> list[str]:
    async with db.acquire() as connection:
        days = dict.fromkeys(await plans.calendars(connection), day)
        return await plans.unplanned(connection, days)
