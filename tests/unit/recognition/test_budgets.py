"""Terms that there can be, and orders that can be given."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from guerdon_kit.errors import InvalidField, NotFound
from recognition.domain.billing import Statement
from recognition.domain.budgets import BudgetMode, BudgetTerms
from recognition.domain.disbursements import Disbursing, Order
from recognition.domain.errors import PersonDeactivated, ReceivingNotAllowed, SelfGiving
from recognition.domain.periods import PeriodKind, calendar_period
from recognition.domain.roles import Role, Standing

BILLED = BudgetTerms(BudgetMode.BILLED_ON_REDEMPTION, 5000, Fraction(10), "USD")
PREPAID = BudgetTerms(BudgetMode.PREPAID, 0, None, "")
AWARD = Order("umbrella", Disbursing.AWARD, "ann", ("ben", "cleo"), 50, "Thank you")


@pytest.mark.parametrize(
    ("terms", "fields"),
    [
        (replace(BILLED, credit_limit=-1), ["terms.credit_limit"]),
        (replace(BILLED, minor_units=None), ["terms.minor_units_per_point"]),
        (replace(BILLED, minor_units=Fraction(0)), ["terms.minor_units_per_point"]),
        (replace(BILLED, minor_units=Fraction(1, 10**9 + 1)), ["terms.minor_units_per_point"]),
        (replace(BILLED, currency_code="usd"), ["terms.currency_code"]),
        (
            replace(BILLED, mode=BudgetMode.PREPAID),
            ["terms.credit_limit", "terms.minor_units_per_point", "terms.currency_code"],
        ),
    ],
)
def test_terms_are_prepaid_or_billed(terms: BudgetTerms, fields: list[str]) -> None:
    BILLED.check()
    PREPAID.check()
    with pytest.raises(InvalidField) as refusal:
        terms.check()
    assert [violation.field for violation in refusal.value.violations] == fields


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        (replace(AWARD, amount=0), ["amount"]),
        (replace(AWARD, amount=2**52 + 1), ["amount"]),
        (replace(AWARD, receivers=()), ["receivers"]),
        (replace(AWARD, receivers=("ben", "ben")), ["receivers[1]"]),
        (replace(AWARD, note="x" * 201), ["reason"]),
        (Order("umbrella", Disbursing.FUND, "", (), 1, ""), ["invoice"]),
    ],
)
def test_an_order_names_every_field_that_is_out_of_bounds(order: Order, fields: list[str]) -> None:
    AWARD.check()
    with pytest.raises(InvalidField) as refusal:
        order.check()
    assert [violation.field for violation in refusal.value.violations] == fields


def test_no_manager_gives_to_themselves() -> None:
    with pytest.raises(SelfGiving):
        replace(AWARD, receivers=("ben", "ann")).check()


@pytest.mark.parametrize("doing", [Disbursing.AWARD, Disbursing.BOOST, Disbursing.MANAGER_BOOST])
def test_who_receives_takes_part_and_may(doing: Disbursing) -> None:
    order = replace(AWARD, doing=doing, receivers=("ben",))
    order.check_receivers({"ben": Standing(True, Role.GIVER)})
    with pytest.raises(NotFound):
        order.check_receivers({})
    with pytest.raises(PersonDeactivated):
        order.check_receivers({"ben": Standing(False, Role.GIVER)})
    with pytest.raises(ReceivingNotAllowed):
        order.check_receivers({"ben": Standing(True, Role.OBSERVER)})


def test_who_only_receives_is_awarded_but_not_boosted() -> None:
    standings = {"ben": Standing(True, Role.RECEIVER_ONLY)}
    replace(AWARD, receivers=("ben",)).check_receivers(standings)
    with pytest.raises(ReceivingNotAllowed):
        replace(AWARD, doing=Disbursing.BOOST, receivers=("ben",)).check_receivers(standings)


@pytest.mark.parametrize(
    ("points", "minor_units", "amount"),
    [
        ([1000], Fraction(10), 10_000),  # Oracle: Assembly, $1 = 10 points: 1,000 points redeem as $100
        ([3, -1], Fraction(10), 20),
        ([1, 1, 1], Fraction(1, 3), 1),  # rounded once, and not each
        ([1], Fraction(1, 2), 1),
        ([-1], Fraction(1, 2), -1),
        ([1], Fraction(49, 100), 0),
        ([], Fraction(10), 0),
    ],
)
def test_what_is_owed_is_points_times_what_one_costs_rounded_once(
    points: list[int], minor_units: Fraction, amount: int
) -> None:
    month = calendar_period(PeriodKind.MONTH, date(2026, 11, 1), "UTC")
    redeemed, returned = sum(one for one in points if one > 0), -sum(one for one in points if one < 0)
    owed = Statement("umbrella", month, True, redeemed, returned, minor_units, "USD")
    assert owed.amount == amount
    assert owed.name == "organisations/umbrella/billingStatements/2026-11"
