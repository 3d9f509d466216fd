"""Until when leavers keep what they earned, and what is taken off them then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from recognition.domain.countries import CountryValue
from recognition.domain.leavers import KEPT, MINOR_UNITS_MAX, LeaverMode, LeaverTerms, Leaving, settlement
from recognition.domain.organisations import POINTS_MAX

LEFT = datetime(2026, 3, 20, 16, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
POUNDS = CountryValue("GB", "GBP", Fraction(17, 2))


def leaving(terms: LeaverTerms, *, returned: datetime | None = None, zone: str = "Europe/London") -> Leaving:
    return Leaving("umbrella", "ann", "Ann", LEFT, returned, terms, zone, "rewards-ann", "GB")


@pytest.mark.parametrize(
    ("mode", "days", "sound"),
    [
        (LeaverMode.KEEP, None, True),
        (LeaverMode.KEEP, 0, False),
        (LeaverMode.KEEP, 1, True),
        (LeaverMode.KEEP, 3660, True),
        (LeaverMode.KEEP, 3661, False),
        (LeaverMode.PAY_OUT, None, False),
        (LeaverMode.PAY_OUT, -1, False),
        (LeaverMode.PAY_OUT, 0, True),
        (LeaverMode.PAY_OUT, 3660, True),
        (LeaverMode.PAY_OUT, 3661, False),
    ],
)
def test_terms_have_bounds(mode: LeaverMode, days: int | None, sound: bool) -> None:
    terms = LeaverTerms(mode, days)
    if sound:
        terms.check()
    else:
        with pytest.raises(InvalidField):
            terms.check()


@pytest.mark.parametrize(
    ("days", "zone", "until"),
    [
        (0, "Europe/London", LEFT),
        (9, "Europe/London", LEFT + timedelta(days=9) - HOUR),  # clocks are put on on 29 March
        (9, "UTC", LEFT + timedelta(days=9)),
        (3, "America/New_York", LEFT + timedelta(days=3)),
    ],
)
def test_it_is_kept_until_the_same_time_of_a_later_day(days: int, zone: str, until: datetime) -> None:
    assert leaving(LeaverTerms(LeaverMode.PAY_OUT, days), zone=zone).keep_end_time == until


def test_a_time_that_clocks_leave_out_is_taken_as_before() -> None:
    left = datetime(2026, 3, 28, 1, 30, tzinfo=UTC)  # on the next day there is no 1:30 in London
    assert LeaverTerms(LeaverMode.KEEP, 1).keep_end_time(left, "Europe/London") == left + timedelta(days=1)


def test_nobodys_time_is_over_before_they_left_in_the_hour_that_clocks_have_twice() -> None:
    left = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # the second 1:30 of that day in New York
    assert LeaverTerms(LeaverMode.PAY_OUT, 0).keep_end_time(left, "America/New_York") == left


def test_nothing_is_settled_before_its_time_nor_with_who_is_back_nor_where_nothing_was_said() -> None:
    terms = LeaverTerms(LeaverMode.KEEP, 1)
    until = LEFT + timedelta(days=1)
    away, back, kept = leaving(terms), leaving(terms, returned=LEFT + HOUR), leaving(KEPT)
    moment = timedelta(microseconds=1)
    assert [away.due(until - moment), away.due(until), back.due(until), kept.due(until)] == [False, True, False, False]
    assert away.next_look(LEFT, HOUR) == away.next_look(until - moment, HOUR) == until
    assert away.next_look(until, HOUR) == until + HOUR
    assert back.next_look(LEFT + HOUR, HOUR) is kept.next_look(LEFT, HOUR) is None


def test_what_is_paid_out_has_a_worth_rounded_once_and_what_lapses_has_none() -> None:
    paid = settlement("le1", leaving(LeaverTerms(LeaverMode.PAY_OUT, 0)), 33, POUNDS)
    assert (paid.amount, paid.country, paid.minor_units) == (33, "GB", 281)  # 280.5
    unsaid = settlement("le1", leaving(LeaverTerms(LeaverMode.PAY_OUT, 0)), 33, None)
    lapsed = settlement("le1", leaving(LeaverTerms(LeaverMode.KEEP, 1)), 33, POUNDS)
    assert (unsaid.amount, unsaid.minor_units, lapsed.amount, lapsed.minor_units) == (33, None, 33, None)


@given(
    available=st.integers(1, 2**63 - 1),
    rate=st.fractions(min_value=Fraction(1, 10**9), max_value=10**9, max_denominator=10**9),
)
def test_what_is_taken_fits_one_transaction_and_one_amount_of_money(available: int, rate: Fraction) -> None:
    made = settlement("le1", leaving(LeaverTerms(LeaverMode.PAY_OUT, 0)), available, CountryValue("GB", "GBP", rate))
    assert 1 <= made.amount <= min(available, POINTS_MAX)
    assert made.minor_units is not None
    assert abs(made.minor_units - made.amount * rate) <= Fraction(1, 2)
    assert made.minor_units <= MINOR_UNITS_MAX
    assert made.amount in {available, POINTS_MAX} or (made.amount + 1) * rate > MINOR_UNITS_MAX
