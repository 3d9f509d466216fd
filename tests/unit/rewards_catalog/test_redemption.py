"""What comes next in each state of a redemption, and when one may be called off."""

from __future__ import annotations

import dataclasses

import pytest

from guerdon_kit.errors import DomainError
from rewards_catalog.domain import errors
from rewards_catalog.domain.redemption import (
    RESERVED,
    Failure,
    State,
    Step,
    check_cancellable,
    check_fulfillable,
    credit_refused,
    failing,
    next_step,
    refund_refused,
    state_when_issued,
    state_when_reserved,
)
from rewards_catalog.domain.refunds import refunded
from rewards_catalog.domain.reward import Fulfilment
from tests.unit.rewards_catalog.builders import NOW, a_redemption

OUT_OF_STOCK = errors.OutOfStock(reward="programs/acme/rewards/mug")


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.PENDING, Step.HOLD_POINTS),
        (State.POINTS_HELD, Step.RESERVE),
        (State.STOCK_RESERVED, Step.CAPTURE),
        (State.CAPTURED, Step.ISSUE),
        (State.ISSUED, None),
        (State.FULFILLED, None),
        (State.FAILED, None),
        (State.CANCELLED, Step.REFUND),
        (State.REFUNDED, None),
        (State.REFUNDING, Step.REFUND),
        (State.REFUND_REFUSED, None),
        (State.PAID, Step.CAPTURE),
        (State.FULFILMENT_FAILED, Step.REFUND),
    ],
)
def test_points_are_held_then_a_piece_is_taken_then_the_points_are_spent(state: State, step: Step | None) -> None:
    assert next_step(a_redemption(state=state), NOW) is step


def test_what_is_given_takes_its_piece_and_nothing_else() -> None:
    given = a_redemption(state=State.PENDING, price=0)
    assert (next_step(given, NOW), state_when_reserved(given)) == (Step.RESERVE, State.CAPTURED)
    assert failing(given, OUT_OF_STOCK).state is State.FAILED
    back = refunded(a_redemption(state=State.CANCELLED, price=0), "")
    assert (back.state, next_step(back, NOW)) == (State.REFUNDED, None)


def test_a_value_is_paid_into_a_wallet_once_the_points_are_spent_and_what_cannot_be_paid_gives_them_back() -> None:
    spent = a_redemption(state=State.CAPTURED, wallet="programs/acme/accounts/m-1~cash")
    assert next_step(spent, NOW) is Step.CREDIT
    refused = credit_refused(spent, "ACCOUNT_CLOSED")
    assert (next_step(refused, NOW), refused.refund_due, refused.refund_step) == (Step.REFUND, spent.price, "refund")
    back = refunded(refused, "programs/acme/transactions/t-2")
    assert (back.state, back.failure, next_step(back, NOW)) == (State.REFUNDED, refused.failure, None)


@pytest.mark.parametrize("state", [State.POINTS_HELD, *RESERVED])
def test_one_that_is_decided_to_fail_is_undone_before_its_state_says_so(state: State) -> None:
    decided = failing(a_redemption(state=state), OUT_OF_STOCK)
    assert decided.state is state
    assert next_step(decided, NOW) is Step.UNDO


def test_one_whose_refund_is_refused_keeps_why_and_rests() -> None:
    refused = refund_refused(a_redemption(state=State.CANCELLED), errors.PaymentRefused(ledger_reason="ACCOUNT_CLOSED"))
    assert refused.state is State.REFUND_REFUSED
    assert refused.failure == Failure("PAYMENT_REFUSED", {"ledger_reason": "ACCOUNT_CLOSED"})
    assert next_step(refused, NOW) is None


def test_one_that_has_taken_nothing_fails_at_once_and_rests() -> None:
    failed = failing(a_redemption(state=State.PENDING), OUT_OF_STOCK)
    assert failed.state is State.FAILED
    assert next_step(failed, NOW) is None


def test_a_code_is_handed_over_by_being_issued_and_goods_wait_for_people() -> None:
    assert state_when_issued(Fulfilment.CODE_POOL) is State.FULFILLED
    assert state_when_issued(Fulfilment.STOCK) is State.ISSUED
    assert state_when_issued(Fulfilment.UNLIMITED) is State.ISSUED


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (State.PENDING, errors.NotCancellableYet),
        (State.POINTS_HELD, errors.NotCancellableYet),
        (State.STOCK_RESERVED, errors.NotCancellableYet),
        (State.CAPTURED, errors.NotCancellableYet),
        (State.ISSUED, None),
        (State.FULFILLED, errors.AlreadyFulfilled),
        (State.REFUNDING, errors.AlreadyFulfilled),
        (State.FAILED, errors.AlreadyCancelled),
        (State.CANCELLED, errors.AlreadyCancelled),
        (State.REFUNDED, errors.AlreadyCancelled),
        (State.REFUND_REFUSED, errors.AlreadyCancelled),
        (State.AWAITING_PAYMENT, None),
        (State.PAID, errors.NotCancellableYet),
        (State.FULFILMENT_UNKNOWN, errors.NotCancellableYet),
        (State.FULFILMENT_FAILED, errors.NotCancellableYet),
    ],
)
def test_only_what_waits_to_be_handed_over_can_be_called_off(state: State, refusal: type[DomainError] | None) -> None:
    if refusal is None:
        check_cancellable(a_redemption(state=state))
    else:
        with pytest.raises(refusal):
            check_cancellable(a_redemption(state=state))


def test_whether_a_code_that_was_issued_can_be_called_off_is_for_its_voucher_to_say() -> None:
    check_cancellable(a_redemption(state=State.FULFILLED, fulfilment=Fulfilment.CODE_POOL))
    with pytest.raises(errors.AlreadyCancelled):
        check_cancellable(a_redemption(state=State.REFUNDED, fulfilment=Fulfilment.CODE_POOL))


@pytest.mark.parametrize("state", list(State))
def test_only_what_waits_to_be_handed_over_can_be_handed_over(state: State) -> None:
    if state is State.ISSUED:
        check_fulfillable(a_redemption(state=state))
    else:
        with pytest.raises(errors.NotIssued):
            check_fulfillable(a_redemption(state=state))


@pytest.mark.parametrize(
    "error",
    [
        errors.OutOfStock(reward="programs/acme/rewards/mug"),
        errors.InsufficientPoints(required=100, available=30, missing=70),
        errors.AccountLimit(reward="programs/acme/rewards/mug", limit=1, used=1),
        errors.AccountPeriodLimit(
            reward="programs/acme/rewards/mug", limit=1, used=1, period="DAY", reset_time="2026-03-02T00:00:00+00:00"
        ),
        errors.RewardLimit(reward="programs/acme/rewards/mug", limit=1, used=1),
        errors.HoldLapsed(),
        errors.PaymentTooLate(redemption="programs/acme/redemptions/rd-1", end_time=NOW.isoformat()),
        errors.CalledOff(redemption="programs/acme/redemptions/rd-1"),
        errors.PaymentRefused(ledger_reason="ACCOUNT_CLOSED"),
        errors.FulfilmentRefused(redemption="programs/acme/redemptions/rd-1", provider_reason="SOLD_OUT"),
        errors.CreditRefused(wallet="programs/acme/accounts/m-1~cash", ledger_reason="ACCOUNT_CLOSED"),
    ],
)
def test_a_kept_failure_answers_as_the_error_it_was_made_of(error: DomainError) -> None:
    replayed = Failure.of(error).error()
    assert type(replayed) is type(error)
    assert replayed.metadata == error.metadata
    assert replayed.public_message == error.public_message


def test_the_ledger_knows_each_step_of_a_redemption_by_one_id_of_at_most_64_characters() -> None:
    redemption = a_redemption(id="rd-" + "0" * 20)
    again = dataclasses.replace(redemption, state=State.CAPTURED)
    ids = {redemption.ledger_request_id(step) for step in ("hold", "capture", "release", "refund")}
    assert len(ids) == 4
    assert all(len(request_id) <= 64 for request_id in ids)
    assert again.ledger_request_id("capture") == redemption.ledger_request_id("capture")
