"""When it is told that points expire."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.reminders import LOOK_MAX, Reminder, horizon, next_look, over_day, reminders, violations

ZONE = ZoneInfo("America/New_York")
END_OF_MARCH = datetime(2027, 4, 1, 4, tzinfo=UTC)
"""When 1 April begins in New York: the last day is 31 March."""
NOON = datetime(2027, 3, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seen", "today", "told"),
    [
        (date(2027, 2, 27), date(2027, 2, 28), []),
        (date(2027, 2, 28), date(2027, 3, 1), [30]),
        (date(2027, 3, 1), date(2027, 3, 1), []),
        (date(2027, 3, 1), date(2027, 3, 23), []),
        (date(2027, 3, 1), date(2027, 3, 24), [7]),
        (date(2027, 2, 1), date(2027, 3, 26), [7]),
        (date(2027, 2, 1), date(2027, 3, 31), [1]),
        (date(2027, 2, 1), date(2027, 4, 1), []),
    ],
)
def test_points_of_one_last_day_are_told_together_so_many_days_before_and_once(
    seen: date, today: date, told: list[int]
) -> None:
    found = reminders([(40, END_OF_MARCH), (2, NOON)], (30, 7, 1), ZONE, seen, today)
    assert found == [Reminder(days, 42, NOON) for days in told]


def test_the_next_look_is_when_the_day_of_a_reminder_begins_or_a_month_from_now() -> None:
    expiring = [(40, END_OF_MARCH)]
    assert next_look(expiring, (7, 30), ZONE, date(2027, 2, 27)) == datetime(2027, 3, 1, 5, tzinfo=UTC)
    assert next_look(expiring, (7, 30), ZONE, date(2027, 3, 1)) == datetime(2027, 3, 24, 4, tzinfo=UTC)
    assert next_look(expiring, (7,), ZONE, date(2026, 5, 1)) == datetime(2026, 5, 31, 4, tzinfo=UTC)
    assert next_look(expiring, (7,), ZONE, date(2027, 3, 31)) is None
    assert next_look([], (7,), ZONE, date(2027, 3, 31)) is None


@pytest.mark.parametrize(
    ("today", "over"),
    [
        (date(2027, 2, 28), None),
        (date(2027, 3, 1), date(2027, 3, 1)),
        (date(2027, 3, 23), date(2027, 3, 1)),
        (date(2027, 3, 31), date(2027, 3, 24)),
        (date(2027, 4, 1), None),
    ],
)
def test_points_are_too_late_for_reminders_whose_day_has_begun(today: date, over: date | None) -> None:
    assert over_day(END_OF_MARCH, (30, 7), ZONE, today) == over


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 200)), max_size=6),
    st.sets(st.integers(1, 60), min_size=1, max_size=4),
    st.integers(1, 40),
)
def test_looking_when_told_to_tells_each_day_exactly_what_looking_every_day_does(
    lots: list[tuple[int, int]], days: set[int], late: int
) -> None:
    begin = date(2027, 1, 1)
    expiring = [(points, datetime(2027, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)) for points, day in lots]
    every_day = {
        (today, one)
        for today in (begin + timedelta(days=n) for n in range(1, 202))
        for one in reminders(expiring, sorted(days), ZONE, today - timedelta(days=1), today)
    }

    def known(today: date) -> list[tuple[int, datetime]]:
        """What is asked for: all up to the horizon, and the first lot beyond."""
        until = horizon(sorted(days), ZONE, today)
        beyond = [one for one in expiring if one[1] > until]
        return [one for one in expiring if one[1] <= until] + sorted(beyond, key=lambda one: one[1])[:1]

    seen, told = begin, set[tuple[date, Reminder]]()
    while (look := next_look(known(seen), sorted(days), ZONE, seen)) is not None:
        today = look.astimezone(ZONE).date()
        assert seen < today <= seen + LOOK_MAX
        told |= {(today, one) for one in reminders(known(today), sorted(days), ZONE, seen, today)}
        seen = today
    assert told == every_day
    down = reminders(expiring, sorted(days), ZONE, begin, begin + timedelta(days=late))
    assert len({one.expire_time for one in down}) == len(down), "after a downtime each is told once"


def test_reminders_have_bounds() -> None:
    assert not list(violations((30, 7, 1)))
    for wrong in ((0,), (367,), (7, 7), (1, 2, 3, 4, 5, 6)):
        assert [one.field for one in violations(wrong)] == ["program.expiry_reminder_days"]
