"""What an exchange is asked for with, and what a refusal of it decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guerdon_kit.errors import InvalidField, Status
from rewards_catalog.domain.errors import HoldLapsed, TransferBelowMinimum, TransferDone
from rewards_catalog.domain.kinds import PartnerTransfer, violations
from rewards_catalog.domain.prices import Price
from rewards_catalog.domain.redemption import (
    State,
    Step,
    check_cancellable,
    failing,
    next_step,
    state_when_reserved,
)
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms
from rewards_catalog.domain.refunds import refunding
from rewards_catalog.domain.transfers import (
    Quote,
    Transfer,
    Verdict,
    asking_again,
    execution_verdict,
    lapsed,
    quote_verdict,
    quoted,
    transfer_of,
)
from tests.unit.rewards_catalog.builders import NOW, a_redemption

ASKED = Transfer("m-1", least_received=50)
QUOTE = Quote("partners/acme/quotes/qt-1", 100, 50)
REFUSED, UNKNOWN, LAPSED, LOOK = Verdict.REFUSED, Verdict.UNKNOWN, Verdict.LAPSED, Verdict.LOOK
PRECONDITION, EXHAUSTED = Status.FAILED_PRECONDITION, Status.RESOURCE_EXHAUSTED


def test_each_quote_is_made_and_executed_under_ids_of_its_own() -> None:
    first = quoted(ASKED, QUOTE)
    assert (first.quote, first.received, first.exchange) == (QUOTE.name, 50, "partners/acme/exchanges/qt-1")
    after = lapsed(asking_again(first))
    assert (after.quote, after.received, after.asks) == ("", 0, 0)
    assert [ASKED.step("quote"), first.step("exchange"), after.step("quote")] == ["quote-1", "exchange-1", "quote-2"]


def test_only_the_first_to_ask_is_alone() -> None:
    first = quoted(ASKED, QUOTE)
    assert first.asked_once
    assert not asking_again(first).asked_once
    assert quoted(lapsed(first), QUOTE).asked_once


def test_fewer_points_than_the_member_was_shown_are_refused() -> None:
    with pytest.raises(TransferBelowMinimum):
        quoted(ASKED, replace(QUOTE, received=49))


@pytest.mark.parametrize(
    ("reason", "status", "alone", "shared"),
    [
        ("INSUFFICIENT_POINTS", PRECONDITION, REFUSED, REFUSED),
        ("POINTS_LOCKED", PRECONDITION, REFUSED, REFUSED),
        ("EXCHANGE_ABORTED", PRECONDITION, REFUSED, REFUSED),
        ("NOT_LINKED", PRECONDITION, REFUSED, UNKNOWN),
        ("DAILY_LIMIT", EXHAUSTED, REFUSED, UNKNOWN),
        ("QUOTE_EXPIRED", PRECONDITION, LAPSED, LAPSED),
        ("RATE_BOOK_WITHDRAWN", PRECONDITION, LAPSED, LAPSED),
        ("QUOTE_USED", PRECONDITION, LOOK, LOOK),
        ("NOT_FOUND", Status.NOT_FOUND, LOOK, LOOK),
        ("AUTHORIZATION_USED", PRECONDITION, UNKNOWN, UNKNOWN),
        ("REQUEST_ID_REUSED", Status.INVALID_ARGUMENT, UNKNOWN, UNKNOWN),
        ("PERMISSION_DENIED", Status.PERMISSION_DENIED, UNKNOWN, UNKNOWN),
        ("", Status.INTERNAL, UNKNOWN, UNKNOWN),
    ],
)
def test_a_refusal_that_may_pass_decides_only_for_whoever_asked_alone(
    reason: str, status: Status, alone: Verdict, shared: Verdict
) -> None:
    assert execution_verdict(reason, status, alone=True) is alone
    assert execution_verdict(reason, status, alone=False) is shared


def test_any_refusal_of_a_quote_decides_since_a_quote_takes_nothing() -> None:
    assert quote_verdict("DAILY_LIMIT", EXHAUSTED) is REFUSED
    assert quote_verdict("NO_RATE", PRECONDITION) is REFUSED
    assert quote_verdict("UNAUTHENTICATED", Status.UNAUTHENTICATED) is UNKNOWN


def test_a_transfer_takes_a_piece_then_a_quote_then_exchanges_and_holds_no_points() -> None:
    redemption = a_redemption(state=State.PENDING, transfer=ASKED)
    assert next_step(redemption, NOW) is Step.RESERVE
    assert state_when_reserved(redemption) is State.EXCHANGING
    exchanging = replace(redemption, state=State.EXCHANGING)
    assert next_step(exchanging, NOW) is Step.QUOTE
    assert next_step(replace(exchanging, transfer=quoted(ASKED, QUOTE)), NOW) is Step.EXCHANGE
    assert failing(exchanging, HoldLapsed()).state is State.FAILED
    assert next_step(failing(exchanging, HoldLapsed()), NOW) is None


def test_what_was_exchanged_is_neither_cancelled_nor_refunded_here() -> None:
    done = a_redemption(state=State.FULFILLED, transfer=quoted(ASKED, QUOTE))
    with pytest.raises(TransferDone):
        check_cancellable(done)
    with pytest.raises(TransferDone):
        refunding(done, RefundTerms(RefundPolicy.WHOLE), 0, NOW)


def test_a_destination_is_given_for_a_transfer_and_for_nothing_else() -> None:
    assert transfer_of(True, "m-1", 50) == ASKED
    assert transfer_of(False, "", 0) is None
    for transfers, destination, least in ((True, "", 0), (True, "exchange.points", 0), (True, "m-1", -1)):
        with pytest.raises(InvalidField):
            transfer_of(transfers, destination, least)
    for destination, least in (("m-1", 0), ("", 1)):
        with pytest.raises(InvalidField):
            transfer_of(False, destination, least)


def test_any_number_of_points_from_the_fewest_up_to_the_price_is_sent() -> None:
    price = Price(100, None, None, any_from=10)
    assert price.least_points == 10
    assert [price.cash_due(points) for points in (10, 11, 99, 100)] == [None] * 4
    for points in (9, 101):
        with pytest.raises(InvalidField):
            price.cash_due(points)


def test_a_transfer_goes_from_one_partner_to_another() -> None:
    assert list(violations(PartnerTransfer("partners/acme", "partners/skyways", 0))) == []
    for sender, receiver in (("acme", "partners/skyways"), ("partners/acme", "partners/acme"), ("partners/acme", "")):
        assert list(violations(PartnerTransfer(sender, receiver, 0)))
