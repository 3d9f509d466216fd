"""What counts, for whom, in which month."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from recognition.domain.gifts import GiftKind, Movement
from recognition.domain.recognitions import Visibility
from recognition.domain.tallies import ANY_VALUE, Cell, Figures, tallied

NOVEMBER = date(2026, 11, 1)
GIFT = Movement(
    organisation="umbrella",
    recognition="rc-1",
    change="rc-1",
    ordinal=0,
    kind=GiftKind.GIVEN,
    giver="ann",
    receiver="ben",
    amount=50,
    posts=1,
    visibility=Visibility.PUBLIC,
    values=("#care",),
    give_time=datetime(2026, 11, 21, tzinfo=UTC),
    record_time=datetime(2026, 11, 21, tzinfo=UTC),
    transaction="t-1",
)


def test_a_gift_counts_for_both_sides_in_all_and_for_each_value() -> None:
    assert tallied([GIFT], "Europe/London") == {
        Cell(NOVEMBER, measure, value, True, person): Figures(50, 1)
        for measure, person in (("given", "ann"), ("received", "ben"))
        for value in (ANY_VALUE, "#care")
    }


def test_an_add_on_brings_points_and_no_further_recognition() -> None:
    added = replace(GIFT, kind=GiftKind.ADD_ON, giver="cleo", amount=5, values=())
    assert tallied([added], "Europe/London") == {
        Cell(NOVEMBER, "added", ANY_VALUE, True, "cleo"): Figures(5, 1),
        Cell(NOVEMBER, "received", ANY_VALUE, True, "ben"): Figures(5, 0),
    }


def test_what_is_private_is_counted_apart() -> None:
    assert {cell.public for cell in tallied([replace(GIFT, visibility=Visibility.PRIVATE)], "UTC")} == {False}


def test_the_month_is_that_of_the_organisations_zone_in_which_it_was_made() -> None:
    midnight = replace(GIFT, give_time=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    taken_back = replace(midnight, amount=-50, posts=-1, record_time=datetime(2027, 1, 1, tzinfo=UTC))
    for zone, month in (("Europe/London", date(2026, 10, 1)), ("Europe/Berlin", NOVEMBER)):
        assert {cell.period for cell in tallied([midnight], zone)} == {month}
        assert {cell.period for cell in tallied([taken_back], zone)} == {month}


gifts = st.builds(
    replace,
    st.just(GIFT),
    kind=st.sampled_from(GiftKind),
    giver=st.sampled_from(["ann", "ben", "cleo"]),
    receiver=st.sampled_from(["ann", "ben", "cleo"]),
    amount=st.integers(1, 100),
    visibility=st.sampled_from([Visibility.PUBLIC, Visibility.PRIVATE]),
    values=st.sampled_from([(), ("#care",), ("#care", "#teamwork")]),
)


@given(st.lists(gifts, max_size=8))
def test_all_that_was_given_and_added_was_received(moved: list[Movement]) -> None:
    cells = tallied(moved, "Europe/London")
    total = {"given": 0, "added": 0, "received": 0}
    for cell, figures in cells.items():
        if cell.value == ANY_VALUE:
            total[cell.measure] += figures.amount
    assert total["given"] + total["added"] == total["received"] == sum(one.amount for one in moved)


@given(st.lists(gifts, max_size=8))
def test_what_is_taken_back_whole_leaves_nothing(moved: list[Movement]) -> None:
    back = [replace(one, amount=-one.amount, posts=-one.posts) for one in moved]
    assert tallied([*moved, *back], "Europe/London") == {}
