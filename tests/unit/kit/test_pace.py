"""How long those rest who send events on, or take them in."""

from __future__ import annotations

import pytest

from guerdon_kit.events.pace import rest_s


@pytest.mark.parametrize(
    ("took_s", "rests_s"), [(0.0, 0.05), (0.004, 0.05), (0.01, 0.09), (0.02, 0.18), (0.03, 0.25), (5.0, 0.25)]
)
def test_a_rest_is_nine_times_the_turn_within_its_bounds(took_s: float, rests_s: float) -> None:
    assert rest_s(took_s, 0.05) == pytest.approx(rests_s)


def test_who_rests_longer_by_habit_goes_on_so() -> None:
    assert rest_s(0.01, 0.5) == 0.5
