"""Every number that is shown of a firm in which things happened by chance is what its postings come to.

More firms than the suite tries: `GUERDON_TEST_FIRMS=50 pytest tests/integration/recognition/numbers`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from guerdon.recognition.v1 import budgets_pb2 as budgets
from guerdon.recognition.v1 import insights_pb2 as pb
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.recognition.budgeting import Purse, billed
from tests.contract.recognition.world import World
from tests.integration.recognition.numbers.firm import Firm
from tests.integration.recognition.numbers.postings import Gift, Postings
from tests.integration.recognition.test_months import jump

FIRMS = int(os.environ.get("GUERDON_TEST_FIRMS", "2"))
ZONES = ("Pacific/Honolulu", "America/New_York", "Pacific/Pago_Pago")
"""Where a month ends later than in UTC."""
VIEWS = {pb.INSIGHT_VIEW_PUBLIC: False, pb.INSIGHT_VIEW_ALL: True}
OUTSTANDING = ("allowance", "manager", "awards")


@pytest.mark.parametrize("seed", range(FIRMS))
async def test_every_number_is_what_the_postings_come_to(
    world: World, module_services: ServiceFactory, seed: int
) -> None:
    year, zone = 2050 + seed, ZONES[seed % len(ZONES)]
    months = [f"{year}-{number:02}" for number in (1, 2, 3)]
    jump(module_services, f"{months[0]}-10T12:00:00")
    employer = await world.employer(people=("ann", "ben", "cleo", "dan", "eve", "fay"), time_zone=zone)
    await Purse(employer).terms(billed(50_000))
    firm = await Firm.found(employer, seed)
    for month in months:
        jump(module_services, f"{month}-10T12:00:00")
        await firm.begin(month)
        await firm.live(25)
        if month == months[1]:  # its last hours, in which UTC has the next month
            jump(module_services, f"{months[2]}-01T03:00:00")
            await firm.live(10)
    await wait_until(firm.is_settled)
    postings = await Postings.of(firm, zone)
    for view, everything in VIEWS.items():
        await boards_agree(firm, postings, months, view, everything)
        for month in months:
            await participation_agrees(firm, postings, month, view, everything)
    for month in months:
        await forecast_agrees(firm, postings, month)
    await budget_agrees(firm, postings, months)
    await reports_agree(firm, postings, months)
    await statements_agree(firm, postings, months)
    await taxable_agrees(firm, postings, months, module_services)


async def boards_agree(
    firm: Firm, postings: Postings, months: list[str], view: pb.InsightView.ValueType, everything: bool
) -> None:
    """Leaderboards of each month and of all, by each measure, of all values and of each."""
    gifts = postings.gifts()
    for first, last in [*((month, month) for month in months), (months[0], months[-1])]:
        for measure, holder in _MEASURES.items():
            for value in ("", "#teamwork", "#care"):
                amounts: Counter[str] = Counter()
                for gift, amount in gifts.items():
                    asked = firm.asked[gift.recognition]
                    if not (first <= gift.month <= last and (asked.public or everything)):
                        continue
                    if value in {"", *asked.values}:
                        person = holder(gift, gift.giver != asked.giver)
                        amounts.update({person: amount} if person else {})
                request = pb.ListLeaderboardRequest(
                    parent=firm.employer.name,
                    measure=measure,
                    first_period=first,
                    last_period=last,
                    value=value,
                    view=view,
                )
                board = (await firm.employer.admin.insights.ListLeaderboard(request)).entries
                shown = [(one.rank, one.person.rpartition("/")[2], one.amount) for one in board]
                assert shown == _ranked({one: amounts[one] for one in firm.present if amounts[one]})


_MEASURES: Mapping[pb.Measure.ValueType, Callable[[Gift, bool], str]] = {
    pb.MEASURE_GIVEN: lambda gift, added: "" if added else gift.giver,
    pb.MEASURE_ADDED: lambda gift, added: gift.giver if added else "",
    pb.MEASURE_RECEIVED: lambda gift, added: gift.receiver,
}


def _ranked(amounts: Mapping[str, int]) -> list[tuple[int, str, int]]:
    ordered = sorted(amounts.items(), key=lambda one: (-one[1], one[0]))
    return [(1 + sum(other > amount for other in amounts.values()), person, amount) for person, amount in ordered]


async def participation_agrees(
    firm: Firm, postings: Postings, month: str, view: pb.InsightView.ValueType, everything: bool
) -> None:
    """Who took part in a month, and with how much."""
    made: dict[str, Counter[str]] = {"given": Counter(), "added": Counter(), "received": Counter()}
    for asked in firm.asked.values():
        if asked.deleted or not (asked.public or everything):
            continue
        if asked.month == month:
            made["given"][asked.giver] += len(asked.receivers)
            made["received"].update(asked.receivers)
            for adder, receivers in asked.adders:
                made["added"][adder] += len(receivers)
    amounts: Counter[str] = Counter()
    for gift, amount in postings.gifts().items():
        asked = firm.asked[gift.recognition]
        if gift.month == month and (asked.public or everything):
            amounts["given" if gift.giver == asked.giver else "added"] += amount
            amounts["received"] += amount
    made["added"] = +made["added"]  # who added on for nobody who is left has not
    request = pb.GetParticipationRequest(parent=firm.employer.name, period=month, view=view)
    found = await firm.employer.admin.insights.GetParticipation(request)
    assert found.active_count == len(firm.active[month])
    for name, counts in made.items():
        shown: pb.Participants = getattr(found, name)
        assert (shown.people_count, shown.amount, shown.count) == (len(counts), amounts[name], counts.total()), name


async def forecast_agrees(firm: Firm, postings: Postings, month: str) -> None:
    """What was given and added in a month."""
    given = added = 0
    for gift, amount in postings.gifts().items():
        if gift.month == month:
            by_giver = gift.giver == firm.asked[gift.recognition].giver
            given, added = given + amount * by_giver, added + amount * (not by_giver)
    found = await firm.employer.admin.insights.GetGivingForecast(
        pb.GetGivingForecastRequest(parent=firm.employer.name, period=month)
    )
    assert (found.given_amount, found.added_amount) == (given, added)
    part = found.elapsed
    rounded = (2 * (given + added) * part.denominator + part.numerator) // (2 * part.numerator)
    assert found.forecast_amount == rounded


async def budget_agrees(firm: Firm, postings: Postings, months: list[str]) -> None:
    """What the budget has, and where its points are."""
    found = await Purse(firm.employer).budget()
    assert found.balance == postings.held({"budget"}, months[-1])
    assert found.available_amount == found.balance + 50_000
    assert found.funded_amount == sum(postings.sums(month, "issuance.points", "budget") for month in months)
    assert found.outstanding_amount == postings.held({"allowance", "manager"}, months[-1])


async def reports_agree(firm: Firm, postings: Postings, months: list[str]) -> None:
    """The budget's report, of the months that are over and of the one that is not."""
    report = await Purse(firm.employer).report(months[0], months[-1])
    assert [(one.period, one.final) for one in report.months] == [(month, month < months[-1]) for month in months]
    for one in report.months:
        assert _told(one) == _expected(postings, one.period)
    over = report.months[:-1]
    used = over[0].opening_balance - over[-1].closing_balance + sum(one.funded_amount for one in over)
    assert report.forecast.monthly_use_amount == (2 * used + len(over)) // (2 * len(over))


def _told(month: budgets.BudgetMonth) -> dict[str, int]:
    return {
        field.name: getattr(month, field.name)
        for field in month.DESCRIPTOR.fields
        if field.name not in {"period", "final"}
    }


def _expected(postings: Postings, month: str) -> dict[str, int]:
    before = f"{int(month[:4])}-{int(month[5:]) - 1:02}"  # 00 for the December before
    sums = {
        (source, destination): postings.sums(month, source, destination)
        for source in ("issuance.points", "budget", "redemption.points", "rewards", *OUTSTANDING)
        for destination in ("budget", "redemption.points", "rewards", *OUTSTANDING)
    }
    boosts = postings.boosts(month)
    return {
        "opening_balance": postings.held({"budget"}, before),
        "funded_amount": sums["issuance.points", "budget"],
        "allowance_amount": sums["budget", "allowance"] - boosts,
        "boost_amount": boosts,
        "manager_budget_amount": sums["budget", "manager"],
        "award_budget_amount": sums["budget", "awards"],
        "imported_amount": 0,
        "expired_amount": sum(sums[one, "budget"] for one in OUTSTANDING),
        "returned_amount": 0,
        "returned_from_leavers_amount": sums["rewards", "budget"],
        "other_balance_amount": 0,
        "closing_balance": postings.held({"budget"}, month),
        "opening_outstanding_amount": postings.held(OUTSTANDING, before),
        "given_amount": sums["allowance", "rewards"],
        "awarded_amount": sums["manager", "rewards"] + sums["awards", "rewards"],
        "taken_back_amount": sum(sums["rewards", one] for one in OUTSTANDING),
        "other_outstanding_amount": 0,
        "closing_outstanding_amount": postings.held(OUTSTANDING, month),
        "opening_earned_amount": postings.held({"rewards"}, before),
        "redeemed_amount": sums["rewards", "redemption.points"],
        "redemption_returned_amount": sums["redemption.points", "rewards"],
        "exchanged_amount": 0,
        "other_earned_amount": 0,
        "closing_earned_amount": postings.held({"rewards"}, month),
    }


async def statements_agree(firm: Firm, postings: Postings, months: list[str]) -> None:
    """What is owed for each month."""
    for month in months:
        redeemed = postings.sums(month, "rewards", "redemption.points")
        returned = postings.sums(month, "redemption.points", "rewards")
        found = await Purse(firm.employer).statement(month)
        assert (found.final, found.redeemed_points, found.returned_points) == (month < months[-1], redeemed, returned)
        assert found.amount.minor_units == 10 * (redeemed - returned)
        if found.final:
            lines = await Purse(firm.employer).redemptions(month)
            by_person = Counter[str]()
            for line in lines:
                by_person[line.person.rpartition("/")[2]] += line.points
            assert {one: points for one, points in by_person.items() if points} == _of_month(postings, month)


def _of_month(postings: Postings, month: str) -> dict[str, int]:
    return {person: points for (when, person), points in postings.redeemed().items() if when == month and points}


async def taxable_agrees(firm: Firm, postings: Postings, months: list[str], module_services: ServiceFactory) -> None:
    """What people received and redeemed, by person and category: of each month, and of all."""
    awards, gifts, redeemed = postings.awards(), postings.gifts(), postings.redeemed()
    for first, last in [*((month, month) for month in months), (months[0], months[-1])]:
        received: Counter[tuple[str, str]] = Counter()
        for gift, amount in gifts.items():
            if first <= gift.month <= last:
                received[gift.receiver, "RECOGNITION"] += amount
        for (month, person, category), amount in awards.items():
            if first <= month <= last:
                received[person, category] += amount
        assert await _taxable(firm, pb.TAXABLE_BASIS_RECEIVED, first, last) == {k: v for k, v in received.items() if v}
    # What is redeemed is told of what was counted, which the present day's is some minutes later.
    now = datetime.fromisoformat(f"{months[-1]}-10T12:00:00").replace(tzinfo=UTC)
    jump(module_services, (now + timedelta(days=1)).replace(tzinfo=None).isoformat())
    for first, last in [*((month, month) for month in months), (months[0], months[-1])]:
        spent: Counter[tuple[str, str]] = Counter()
        for (month, person), points in redeemed.items():
            if first <= month <= last:
                spent[person, "REDEMPTION"] += points
        expected = {one: points for one, points in spent.items() if points}

        async def is_told(first: str = first, last: str = last, expected: object = expected) -> bool:
            return await _taxable(firm, pb.TAXABLE_BASIS_REDEEMED, first, last) == expected

        await wait_until(is_told)


async def _taxable(firm: Firm, basis: pb.TaxableBasis.ValueType, first: str, last: str) -> dict[tuple[str, str], int]:
    request = pb.ExportTaxableValuesRequest(
        parent=firm.employer.name, first_period=first, last_period=last, basis=basis
    )
    rows = [row async for page in firm.employer.admin.insights.ExportTaxableValues(request) for row in page.rows]
    return {
        (row.person.rpartition("/")[2], pb.TaxableCategory.Name(row.category).removeprefix("TAXABLE_CATEGORY_")): (
            row.amount
        )
        for row in rows
    }
