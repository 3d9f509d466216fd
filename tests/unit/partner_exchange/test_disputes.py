"""Disputes: who may say what until when, and what can be decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.disputes import (
    ADJUSTMENT_MAX,
    ANSWERABLE_FOR,
    DISPUTABLE_FOR,
    WORDS_MAX,
    Adjustment,
    Dispute,
    DisputeState,
    check_adjustment,
    check_answerable,
    check_decidable,
    check_withdrawable,
    check_words,
    opened,
)
from partner_exchange.domain.errors import (
    AnswerPending,
    AnswerTooLate,
    DisputeStateConflict,
    DisputeTooLate,
    ExchangeNotCommitted,
)
from partner_exchange.domain.exchanges import State
from tests.unit.partner_exchange.test_reversals import NOW, exchange

EXCHANGE = exchange(10, 10)
LATER = timedelta(seconds=1)


def dispute(state: DisputeState = DisputeState.OPEN) -> Dispute:
    return replace(opened(EXCHANGE, "aurora", "Twice", "d1", NOW), state=state)


def test_either_partner_disputes_and_the_other_one_answers() -> None:
    for opener, respondent in (("aurora", "borealis"), ("borealis", "aurora")):
        one = opened(EXCHANGE, opener, "Twice", "d1", NOW)
        assert (one.opener, one.respondent, one.answer_deadline) == (opener, respondent, NOW + ANSWERABLE_FOR)
        check_answerable(one, respondent, one.answer_deadline)
        with pytest.raises(InvalidField):
            check_answerable(one, opener, NOW)
        check_withdrawable(one, opener)
        with pytest.raises(InvalidField):
            check_withdrawable(one, respondent)
        with pytest.raises(AnswerTooLate):
            check_answerable(one, respondent, one.answer_deadline + LATER)


def test_only_what_is_committed_is_disputed_and_only_for_so_long() -> None:
    opened(EXCHANGE, "aurora", "Twice", "d1", NOW + DISPUTABLE_FOR)
    with pytest.raises(DisputeTooLate):
        opened(EXCHANGE, "aurora", "Twice", "d1", NOW + DISPUTABLE_FOR + LATER)
    with pytest.raises(ExchangeNotCommitted):
        opened(replace(EXCHANGE, state=State.POSTING, commitment=None), "aurora", "Twice", "d1", NOW)


def test_both_sides_are_heard_before_it_is_decided() -> None:
    check_decidable(dispute(DisputeState.ANSWERED), NOW)
    with pytest.raises(AnswerPending):
        check_decidable(dispute(), NOW + ANSWERABLE_FOR)
    check_decidable(dispute(), NOW + ANSWERABLE_FOR + LATER)


@pytest.mark.parametrize("state", [DisputeState.RESOLVING, DisputeState.RESOLVED, DisputeState.WITHDRAWN])
def test_what_is_decided_or_withdrawn_stays_so(state: DisputeState) -> None:
    one = dispute(state)
    with pytest.raises(DisputeStateConflict):
        check_answerable(one, "borealis", NOW)
    with pytest.raises(DisputeStateConflict):
        check_withdrawable(one, "aurora")
    with pytest.raises(DisputeStateConflict):
        check_decidable(one, NOW + timedelta(days=99))


def test_words_and_adjustments_are_bounded() -> None:
    assert check_words("x" * WORDS_MAX, "claim")
    for words in ("", "x" * (WORDS_MAX + 1)):
        with pytest.raises(InvalidField):
            check_words(words, "claim")
    check_adjustment(Adjustment("borealis", ADJUSTMENT_MAX), EXCHANGE)
    tried = replace(EXCHANGE, agreed_price=Fraction(0))
    for adjustment, of in (
        (Adjustment("borealis", 0), EXCHANGE),
        (Adjustment("borealis", ADJUSTMENT_MAX + 1), EXCHANGE),
        (Adjustment("corona", 1), EXCHANGE),
        (Adjustment("borealis", 1), tried),
    ):
        with pytest.raises(InvalidField):
            check_adjustment(adjustment, of)
