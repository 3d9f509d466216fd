"""When a return that came before its purchase is looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from membership.domain.waiting_returns import LOOK_MAX, LOOK_MIN, next_look

CAME = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_return_is_looked_at_ever_less_often_and_a_bounded_number_of_times_until_its_wait_is_over() -> None:
    now, waits = CAME, []
    while (again := next_look(CAME, now, 30)) is not None:
        waits.append(again - now)
        now = again
    assert now == CAME + timedelta(days=30)
    assert waits[:3] == [LOOK_MIN, LOOK_MIN, LOOK_MIN * 2]
    assert waits[:-1] == sorted(waits[:-1])
    assert max(waits) == LOOK_MAX
    assert len(waits) < 50


def test_a_return_whose_wait_was_over_while_nobody_looked_waits_no_more() -> None:
    assert next_look(CAME, CAME + timedelta(days=30), 30) is None
    assert next_look(CAME, CAME + timedelta(days=400), 30) is None
