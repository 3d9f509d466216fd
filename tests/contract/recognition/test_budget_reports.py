"""What became of an organisation's points, told month by month."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from guerdon import InvalidRequestError, PermissionDeniedError, new_request_id
from guerdon.recognition.v1 import manager_budgets_pb2 as managers
from guerdon.recognition.v1 import organisations_pb2 as orgs
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.budgeting import PREPAID, Purse
from tests.contract.recognition.test_changes import deletion
from tests.contract.recognition.world import Employer, World

READ = "recognition.budgets.read"


def period() -> str:
    """The current month in UTC; the organisations of these tests are there."""
    return f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture
async def employer(world: World) -> Employer:
    return await world.employer(time_zone="UTC")


async def test_what_the_budget_paid_for_is_told_with_what_is_left(employer: Employer) -> None:
    purse = Purse(employer)
    await purse.fund(5_000)
    await purse.boost("ben", amount=50)
    await purse.manage("ann", 1_000)
    await employer.grant()
    awarding = await Awarding.of(employer, 700)
    await purse.hand_out("ann", ["ben"], 300)
    await purse.hand_out("ann", ["cleo"], 20, use=managers.GRANT_USE_BOOST)
    await awarding.record(await awarding.source("training"), "a-1", "dan", 100)
    given = await employer.give("ann", ["ben", "cleo"], 60)
    await employer.redeem("ben", 150)
    await employer.admin.recognition.DeleteRecognition(deletion(given))
    # Of another organisation's, or of nobody's here, nothing counts.
    await employer.open_and_spend(f"{employer.program}/accounts/stranger", 70)
    report = await purse.report(period())
    [month] = report.months
    assert not month.final
    assert not report.HasField("forecast")
    assert (month.opening_balance, month.funded_amount, month.allowance_amount, month.boost_amount) == (
        0,
        5000,
        800,
        50,
    )
    assert (month.manager_budget_amount, month.award_budget_amount, month.expired_amount) == (1000, 700, 0)
    assert month.closing_balance == 2450 == (await purse.budget()).balance
    assert (month.given_amount, month.awarded_amount, month.taken_back_amount) == (120, 400, 120)
    assert month.closing_outstanding_amount == 2550 - 400
    assert (month.redeemed_amount, month.redemption_returned_amount, month.closing_earned_amount) == (150, 0, 250)
    others = (month.imported_amount, month.returned_amount, month.exchanged_amount, month.other_balance_amount)
    assert others == (0, 0, 0, 0)
    assert (month.other_outstanding_amount, month.other_earned_amount) == (0, 0)


async def test_months_before_are_empty_and_those_to_come_are_refused(employer: Employer) -> None:
    purse, now = Purse(employer), datetime.now(UTC)
    before = await purse.report(f"{now.year - 1}-{now.month:02}", period())
    assert [month.final for month in before.months] == [True] * 12 + [False]
    assert [month.closing_balance for month in before.months] == [0] * 12 + [-800]
    later = f"{now.year + 1}-01"
    for first, last in ((later, ""), (period(), later), ("2026-13", ""), ("", ""), (period(), "2020-01")):
        with pytest.raises(InvalidRequestError):
            await purse.report(first, last)


async def test_the_whole_budget_is_for_admins(employer: Employer) -> None:
    purse = Purse(employer)
    await purse.terms(PREPAID)
    for role, person in ((orgs.ROLE_ADMIN, "ann"), (orgs.ROLE_MANAGER, "ben")):
        await employer.admin.organisations.UpdatePerson(
            orgs.UpdatePersonRequest(
                person=orgs.Person(name=employer.person(person), role=role),
                update_mask=FieldMask(paths=["role"]),
                request_id=new_request_id(),
            )
        )
    assert (await purse.report(period(), client=employer.own_client("ann", READ))).months
    for person in ("ben", "cleo"):
        with pytest.raises(PermissionDeniedError) as refusal:
            await purse.report(period(), client=employer.own_client(person, READ))
        assert refusal.value.reason == "ROLE_REQUIRED"
