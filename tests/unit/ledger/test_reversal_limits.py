"""What is left to reverse, where time and other reversals have taken from it before; and sums that stay in int64."""

from __future__ import annotations

import pytest

from ledger.domain.errors import BalanceOverflow, OverReversal
from ledger.domain.model import BALANCE_MAX
from tests.unit.ledger.builders import Ledger, later, require_sound


def test_an_earn_of_which_more_was_taken_and_expired_than_it_brought_has_nothing_left_to_reverse() -> None:
    ledger = Ledger()
    earned = ledger.earn(100, expires=later(100))
    spent = ledger.spend(100)
    ledger.reverse(earned, 40)
    ledger.tick(100)
    ledger.reverse(spent)
    assert ledger.ada.lots[earned.id].expired == 100
    posted = ledger.ada.posted
    for amount in (0, 1):
        with pytest.raises(OverReversal) as refused:
            ledger.reverse(earned, amount)
        assert refused.value.metadata["remaining"] == "0"
    assert ledger.ada.posted == posted
    require_sound(ledger.ada, ledger.now)


def test_a_spend_that_would_take_the_lifetime_sum_out_of_int64_is_refused_and_changes_nothing() -> None:
    ledger = Ledger()
    ledger.earn(100)
    ledger.ada.spent = BALANCE_MAX - 50
    with pytest.raises(BalanceOverflow):
        ledger.spend(51)
    assert (ledger.ada.posted, ledger.ada.available, ledger.ada.spent) == (100, 100, BALANCE_MAX - 50)
    ledger.spend(50)
    assert ledger.ada.spent == BALANCE_MAX
