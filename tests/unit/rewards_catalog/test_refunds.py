"""How much goes back for what was handed over, and when no more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import DomainError
from rewards_catalog.domain import errors
from rewards_catalog.domain.redemption import Redemption, State
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms
from rewards_catalog.domain.refunds import refunded, refunding
from tests.unit.rewards_catalog.builders import NOW, a_redemption

PARTIAL, WHOLE = RefundTerms(RefundPolicy.PARTIAL), RefundTerms(RefundPolicy.WHOLE)


def handed_over(**changes: Any) -> Redemption:
    """Fulfilled, for 100 points."""
    return a_redemption(**{"state": State.FULFILLED, "transaction": "t", "fulfil_time": NOW, **changes})


@pytest.mark.parametrize(
    ("redemption", "terms", "points", "refusal"),
    [
        (handed_over(), RefundTerms(), 0, errors.RefundNotAllowed),
        (handed_over(), WHOLE, 99, errors.PartialRefundNotAllowed),
        (handed_over(), PARTIAL, 101, errors.OverRefund),
        (handed_over(refunded=60), PARTIAL, 41, errors.OverRefund),
        (handed_over(state=State.ISSUED), PARTIAL, 1, errors.NotFulfilled),
        (handed_over(state=State.CAPTURED), PARTIAL, 1, errors.NotCancellableYet),
        (handed_over(state=State.REFUNDING, refunding=1), PARTIAL, 1, errors.NotCancellableYet),
        (handed_over(state=State.REFUNDED, refunded=100), PARTIAL, 0, errors.AlreadyCancelled),
        (handed_over(state=State.REFUND_REFUSED), PARTIAL, 0, errors.AlreadyCancelled),
    ],
)
def test_what_the_terms_or_the_state_do_not_allow_is_refused(
    redemption: Redemption, terms: RefundTerms, points: int, refusal: type[DomainError]
) -> None:
    with pytest.raises(refusal):
        refunding(redemption, terms, points, NOW)


def test_points_go_back_for_the_days_that_were_promised_the_end_excluded() -> None:
    terms = RefundTerms(RefundPolicy.WHOLE, days=14)
    end = NOW + timedelta(days=14)
    refunding(handed_over(), terms, 0, end - timedelta(microseconds=1))
    with pytest.raises(errors.RefundTooLate):
        refunding(handed_over(), terms, 0, end)


@given(wishes=st.lists(st.integers(0, 120), max_size=12))
def test_whatever_is_asked_for_never_more_than_the_price_goes_back_and_each_refund_has_an_id_of_its_own(
    wishes: list[int],
) -> None:
    redemption, given_back, steps = handed_over(), 0, []
    for wish in wishes:
        try:
            begun = refunding(redemption, PARTIAL, wish, NOW)
        except DomainError:
            assert wish > 100 - given_back or given_back == 100
            continue
        assert begun.refund_due == (wish or 100 - given_back)
        steps.append(begun.refund_step)
        given_back += begun.refund_due
        redemption = refunded(begun, "t")
        assert (redemption.refunded, redemption.refund_due) == (given_back, 0)
        assert (redemption.state is State.REFUNDED) == (given_back == 100)
    assert given_back <= 100
    assert len(set(steps)) == len(steps)
