"""Points and money: what a reward costs for how many points, and what becomes of one that waits for money."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain import errors
from rewards_catalog.domain.kinds import MAX_CASH, Cash
from rewards_catalog.domain.payments import paid
from rewards_catalog.domain.prices import MAX_POINTS, PointsRange, Price, violations
from rewards_catalog.domain.redemption import Redemption, State, Step, failing, next_step, rests_until
from tests.unit.rewards_catalog.builders import NOW, a_redemption

END = NOW + timedelta(minutes=15)


def euros(minor_units: int) -> Cash:
    return Cash(minor_units, "EUR")


@st.composite
def prices(draw: st.DrawFn) -> Price:
    """Prices with a range of up to 1,000,000 steps."""
    least, step, steps = draw(st.tuples(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(1, 10**6)))
    cash = draw(st.none() | st.integers(1, 10**6).map(euros))
    return Price(least + step * steps, cash, PointsRange(least, step, euros(draw(st.integers(1, 10**4)))))


@given(price=prices(), data=st.data())
def test_points_that_are_left_out_cost_money_at_one_rate_exactly(price: Price, data: st.DataObject) -> None:
    steps = price.points_range
    assert steps is not None
    assert list(violations(price)) == []
    left_out = data.draw(st.integers(0, price.points - price.least_points))
    points = price.points - left_out
    if left_out % steps.step_points:
        with pytest.raises(InvalidField):
            price.cash_due(points)
        return
    besides = price.cash.minor_units if price.cash else 0
    due = price.cash_due(points)
    rate = Fraction(steps.step_cash.minor_units, steps.step_points)
    assert (due.minor_units if due else 0) == besides + left_out * rate
    worth = replace(price, value=euros(10**12))
    value = worth.value_due(points)
    assert value is not None
    assert value.minor_units == 10**12 - left_out * rate
    assert worth.cash_due(points) == price.cash


@pytest.mark.parametrize("points", [-1, 0, 399, 450, 1001, MAX_POINTS])
def test_fewer_points_than_the_range_has_or_between_its_steps_or_more_than_the_price_are_refused(points: int) -> None:
    price = Price(1000, None, PointsRange(400, 100, euros(75)))
    with pytest.raises(InvalidField):
        price.cash_due(points)
    assert [price.cash_due(points) for points in (400, 900, 1000)] == [euros(450), euros(75), None]


def test_a_price_without_a_range_is_the_price() -> None:
    assert Price(1000, euros(5), None).cash_due(1000) == euros(5)
    with pytest.raises(InvalidField):
        Price(1000, euros(5), None).cash_due(999)


@pytest.mark.parametrize(
    ("price", "field"),
    [
        (Price(0, None, None), "price"),
        (Price(100, Cash(0, "EUR"), None), "cash.minor_units"),
        (Price(100, Cash(1, "euro"), None), "cash.currency_code"),
        (Price(100, None, PointsRange(0, 10, euros(1))), "points_range.min_points"),
        (Price(100, None, PointsRange(100, 10, euros(1))), "points_range.min_points"),
        (Price(100, None, PointsRange(50, 0, euros(1))), "points_range.step_points"),
        (Price(100, None, PointsRange(55, 10, euros(1))), "points_range.step_points"),
        (Price(100, None, PointsRange(50, 10, euros(0))), "points_range.step_cash.minor_units"),
        (Price(100, Cash(1, "USD"), PointsRange(50, 10, euros(1))), "points_range.step_cash"),
        (Price(100, euros(1), PointsRange(50, 50, euros(MAX_CASH))), "points_range.step_cash"),
        (Price(100, None, PointsRange(50, 50, euros(100)), value=euros(100)), "points_range.step_cash"),
        (Price(100, None, PointsRange(50, 50, euros(1)), value=Cash(100, "USD")), "points_range.step_cash"),
    ],
)
def test_a_bound_that_is_broken_is_named_by_its_field(price: Price, field: str) -> None:
    assert [violation.field for violation in violations(price)] == [f"reward.{field}"]


def awaiting(**changes: Any) -> Redemption:
    fields = {"state": State.AWAITING_PAYMENT, "cash": euros(450), "payment_end_time": END, **changes}
    return a_redemption(**fields)


def test_one_that_waits_for_money_rests_until_that_is_late() -> None:
    moment = timedelta(microseconds=1)
    assert (next_step(awaiting(), END - moment), next_step(awaiting(), END)) == (None, Step.LAPSE)
    assert rests_until(awaiting(), NOW) == END
    decided = failing(awaiting(), errors.CalledOff(redemption="programs/acme/redemptions/rd-1"))
    assert (next_step(decided, NOW), rests_until(decided, NOW)) == (Step.UNDO, NOW)


def test_money_is_confirmed_once_to_the_cent_and_in_time() -> None:
    after = paid(awaiting(), "ch_1", euros(450), END - timedelta(microseconds=1))
    assert (after.state, after.payment, next_step(after, END)) == (State.PAID, "ch_1", Step.CAPTURE)
    for cash in (euros(449), euros(451), Cash(450, "USD")):
        with pytest.raises(InvalidField):
            paid(awaiting(), "ch_1", cash, NOW)
    with pytest.raises(errors.PaymentTooLate):
        paid(awaiting(), "ch_1", euros(450), END)


@pytest.mark.parametrize("state", set(State) - {State.AWAITING_PAYMENT})
def test_money_is_confirmed_only_where_it_is_waited_for(state: State) -> None:
    early = state in {State.PENDING, State.POINTS_HELD}
    with pytest.raises(errors.NotCancellableYet if early else errors.NotAwaitingPayment):
        paid(awaiting(state=state), "ch_1", euros(450), NOW)
    undone = failing(awaiting(), errors.CalledOff(redemption="programs/acme/redemptions/rd-1"))
    with pytest.raises(errors.NotAwaitingPayment):
        paid(undone, "ch_1", euros(450), NOW)
