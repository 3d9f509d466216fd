"""Award budgets, and points for what other systems report."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.ledger.v1 import resources_pb2 as books
from guerdon.recognition.v1 import achievements_pb2 as pb
from guerdon.recognition.v1 import award_budgets_pb2 as budgets
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import payouts_pb2 as payouts
from guerdon_kit.grpc.status import read_details
from guerdon_kit.testing import wait_until
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.world import Employer


async def test_a_budget_is_funded_once_from_the_organisations(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 0)
    before = await _organisations_budget(employer)
    transactions = {await awarding.fund(500, request_id="fund-it") for _ in range(2)}
    assert len(transactions) == 1
    assert await awarding.standing() == (500, 0)
    assert await _organisations_budget(employer) == before - 500
    with pytest.raises(InvalidRequestError) as reused:
        await awarding.fund(501, request_id="fund-it")
    assert (reused.value.reason, reused.value.metadata) == ("REQUEST_ID_REUSED", {"fields": "amount"})
    listed = await employer.admin.award_budgets.ListAwardBudgets(budgets.ListAwardBudgetsRequest(parent=employer.name))
    assert [(one.name, one.wait_days) for one in listed.award_budgets] == [(awarding.budget, 30)]


async def test_budgets_and_sources_are_an_admins_to_make_and_to_fund(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 0)
    own = employer.own_client("ann", "recognition.award_budgets.write", "recognition.achievement_sources.write")
    new = budgets.AwardBudget(name=f"{employer.name}/awardBudgets/anns")
    creation = budgets.CreateAwardBudgetRequest(award_budget=new, request_id=new_request_id())
    funding = budgets.FundAwardBudgetRequest(name=awarding.budget, amount=5, request_id=new_request_id())
    reporting = pb.AchievementSource(name=f"{employer.name}/achievementSources/anns", award_budget=awarding.budget)
    for call in (
        own.award_budgets.CreateAwardBudget(creation),
        own.award_budgets.FundAwardBudget(funding),
        own.achievements.CreateAchievementSource(
            pb.CreateAchievementSourceRequest(achievement_source=reporting, request_id=new_request_id())
        ),
    ):
        with pytest.raises(GuerdonError) as refusal:
            await call
        assert refusal.value.reason == "ROLE_REQUIRED"
    assert await awarding.standing() == (0, 0)
    await awarding.appoint("ann", role=orgs.ROLE_ADMIN)
    await own.award_budgets.FundAwardBudget(funding)
    assert await awarding.standing() == (5, 0)


async def test_a_budget_is_for_awarding_and_cannot_be_redeemed(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 500)
    read = await employer.admin.award_budgets.GetAwardBudget(budgets.GetAwardBudgetRequest(name=awarding.budget))
    posting = books.Posting(
        source=read.award_budget.account, destination=f"{employer.program}/accounts/redemption.points", amount=1
    )
    with pytest.raises(GuerdonError) as refusal:
        await employer.bank.ledger.PostTransaction(
            ledger.PostTransactionRequest(
                parent=employer.program,
                transaction=books.Transaction(kind=books.TRANSACTION_KIND_SPEND, postings=[posting]),
                request_id=new_request_id(),
            )
        )
    assert refusal.value.reason == "ACCOUNT_NOT_FOR"
    assert await awarding.standing() == (500, 0)


async def test_one_credit_for_each_external_id_however_often_and_by_whom_it_is_reported(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    source = await awarding.source("learning")
    outcomes = await asyncio.gather(*(awarding.record(source, "course-7", "ben", 30) for _ in range(8)))
    assert sorted(outcome.already_recorded for outcome in outcomes) == [False] + [True] * 7
    assert await employer.earned("ben") == 30
    for person, amount in (("ben", 31), ("ann", 30)):
        with pytest.raises(RefusedError) as differs:
            await awarding.record(source, "course-7", person, amount)
        assert differs.value.reason == "ACHIEVEMENT_DIFFERS"
        assert differs.value.metadata["person"] == employer.person("ben")
        assert differs.value.metadata["amount"] == "30"
    other = await awarding.source("safety")
    assert not (await awarding.record(other, "course-7", "ben", 5)).already_recorded
    assert await awarding.standing() == (965, 0)


async def test_the_same_report_is_answered_as_it_was_alone_or_among_many(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    source = await awarding.source("learning")
    request = awarding.report(source, "c1", "ben", 30, request_id="report-1")
    first = await employer.admin.achievements.RecordAchievement(request)
    assert first.achievement.payout.state == payouts.PAYOUT_STATE_PAID
    assert first.achievement.payout.transaction.startswith(employer.program)
    again = employer.admin.achievements.RecordAchievement(request)
    assert await again == first
    assert await was_replayed(again)
    [among_many] = await awarding.record_many(source, [request])
    assert among_many.recorded == first
    read = await employer.admin.achievements.GetAchievement(pb.GetAchievementRequest(name=first.achievement.name))
    assert read.achievement == first.achievement


async def test_of_many_each_is_recorded_or_refused_by_itself(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    source = await awarding.source("learning", daily_limit=100, monthly_limit=105)
    reports = [
        awarding.report(source, "a", "ben", 60),
        awarding.report(source, "b", "nobody", 5),
        awarding.report(source, "c", "ann", 50),
        awarding.report(source, "a", "ben", 60),
        awarding.report(source, "a", "ben", 61),
        awarding.report(source, "d", "ann", 40),
    ]
    results = await awarding.record_many(source, reports)
    assert [read_details(one.error)[0] if one.HasField("error") else "" for one in results] == [
        "",
        "NOT_FOUND",
        "ACHIEVEMENT_DAILY_LIMIT",
        "",
        "ACHIEVEMENT_DIFFERS",
        "",
    ]
    assert results[3].recorded.already_recorded
    assert (await employer.earned("ben"), await employer.earned("ann")) == (60, 40)
    with pytest.raises(RefusedError) as limit:
        await awarding.record(source, "e", "ann", 1)
    assert limit.value.metadata["limit"] == "100"
    assert limit.value.metadata["used"] == "100"
    assert limit.value.metadata["reset_time"]


async def test_sources_limits_hold_at_once(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    source = await awarding.source("learning", monthly_limit=100)
    outcomes = await asyncio.gather(
        *(awarding.record(source, f"c{number}", "ben", 10) for number in range(15)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert {refusal.reason for refusal in refused} == {"ACHIEVEMENT_MONTHLY_LIMIT"}
    assert len(refused) == 5
    assert await employer.earned("ben") == 100


async def test_what_a_budget_has_too_little_for_waits_until_it_is_funded(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 50)
    source = await awarding.source("learning")
    outcomes = await asyncio.gather(*(awarding.record(source, f"c{number}", "ben", 20) for number in range(4)))
    states = [outcome.achievement.payout.state for outcome in outcomes]
    assert sorted(states) == [payouts.PAYOUT_STATE_WAITING_FOR_BUDGET] * 2 + [payouts.PAYOUT_STATE_PAID] * 2
    assert await employer.earned("ben") == 40
    assert await awarding.standing() == (10, 40)
    await awarding.fund(30)

    async def paid() -> bool:
        return await awarding.standing() == (0, 0)

    await wait_until(paid)
    assert await employer.earned("ben") == 80


async def test_bad_reports_change_nothing(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 100)
    source = await awarding.source("learning")
    with pytest.raises(InvalidRequestError) as invalid:
        await awarding.record(source, "c", "ben", -1)
    assert [violation.field for violation in invalid.value.violations] == ["achievement.amount"]
    with pytest.raises(NotFoundError):
        await awarding.record(f"{employer.name}/achievementSources/none", "c", "ben", 1)
    with pytest.raises(InvalidRequestError):
        await awarding.record_many(source, [awarding.report(source, "c", "ben", 1, request_id="r") for _ in range(2)])
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person("ben"), request_id=new_request_id())
    )
    with pytest.raises(RefusedError) as deactivated:
        await awarding.record(source, "c", "ben", 1)
    assert deactivated.value.reason == "PERSON_DEACTIVATED"
    assert await awarding.standing() == (100, 0)


async def _organisations_budget(employer: Employer) -> int:
    organisation = employer.name.removeprefix("organisations/")
    return (await employer.balance(f"{employer.program}/accounts/budget.points.{organisation}")).posted
