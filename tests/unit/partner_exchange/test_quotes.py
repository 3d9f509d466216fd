"""How long quotes hold."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import pytest

from partner_exchange.domain.book import Edition
from partner_exchange.domain.converting import Conversion
from partner_exchange.domain.errors import QuoteExpired, RateBookWithdrawn
from partner_exchange.domain.quotes import Quote, Wanted, check_usable, expire_time, lifetime
from partner_exchange.domain.rates import Promotion
from tests.unit.partner_exchange.books import SPRING

MOMENT = timedelta(microseconds=1)
QUARTER = timedelta(minutes=15)
QUOTE = Quote(
    quote_id="qt-1",
    coalition_id="c",
    sender="a",
    receiver="b",
    book_version=1,
    rate=Fraction(1),
    source_account_id="m",
    destination_account_id="n",
    wanted=Wanted(10, None),
    conversion=Conversion(debited=10, received=10, bonus=0, remainder=0),
    create_time=SPRING,
    expire_time=SPRING + QUARTER,
)


def test_a_quote_can_be_used_to_its_last_moment_and_not_at_its_end() -> None:
    edition = Edition("c", 1, SPRING, None)
    check_usable(QUOTE, edition, SPRING + QUARTER - MOMENT)
    with pytest.raises(QuoteExpired):
        check_usable(QUOTE, edition, SPRING + QUARTER)


def test_a_quote_ends_with_a_book_that_was_replaced_since() -> None:
    end = SPRING + timedelta(minutes=5)
    replaced = Edition("c", 1, SPRING, end)
    check_usable(QUOTE, replaced, end - MOMENT)
    with pytest.raises(QuoteExpired):
        check_usable(QUOTE, replaced, end)


def test_a_quote_of_a_withdrawn_book_cannot_be_used_even_by_a_clock_that_is_behind() -> None:
    end = SPRING + timedelta(minutes=5)
    for now in (end - MOMENT, end):
        with pytest.raises(RateBookWithdrawn):
            check_usable(QUOTE, Edition("c", 1, SPRING, end, withdraw_time=end), now)


def test_a_new_quote_ends_with_whatever_ends_first() -> None:
    promotion = Promotion("p", SPRING, SPRING + timedelta(minutes=7), None, rate=Fraction(2))
    book_end = SPRING + timedelta(minutes=9)
    assert expire_time(SPRING, lifetime(30), None, None) == SPRING + timedelta(minutes=30)
    assert expire_time(SPRING, lifetime(30), book_end, None) == book_end
    assert expire_time(SPRING, lifetime(30), book_end, promotion) == promotion.end_time
    assert expire_time(SPRING, lifetime(1), book_end, promotion) == SPRING + timedelta(minutes=1)
