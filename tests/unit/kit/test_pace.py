"""How long those rest who send events on, or take them in."""

from __future__ import annotations

import asyncio

import pytest

from guerdon_kit.events.pace import Rest, rest_s

AT_ONCE_S = 5.0
NEVER_S = 3600.0


@pytest.mark.parametrize(
    ("took_s", "rests_s"), [(0.0, 0.05), (0.004, 0.05), (0.01, 0.09), (0.02, 0.18), (0.03, 0.25), (5.0, 0.25)]
)
def test_a_rest_is_nine_times_the_turn_within_its_bounds(took_s: float, rests_s: float) -> None:
    assert rest_s(took_s, 0.05) == pytest.approx(rests_s)


def test_who_rests_longer_by_habit_goes_on_so() -> None:
    assert rest_s(0.01, 0.5) == 0.5


async def test_who_has_nothing_to_send_rests_until_an_event_is_written_here() -> None:
    rest = Rest(0.001, NEVER_S)
    with rest.listening():
        resting = asyncio.create_task(rest.after(0.0))
        await asyncio.sleep(0)
        assert not resting.done()
        Rest.stir_all()
        async with asyncio.timeout(AT_ONCE_S):
            await resting
            await rest.after(0.0)  # it looked before the commit, and looks again


async def test_who_has_nothing_to_send_looks_now_and_then_for_what_others_wrote() -> None:
    async with asyncio.timeout(AT_ONCE_S):
        await Rest(NEVER_S, 0.001).after(0.0)


async def test_what_was_written_before_the_rest_is_looked_for() -> None:
    rest = Rest(0.001, NEVER_S)
    with rest.listening():
        Rest.stir_all()
    async with asyncio.timeout(AT_ONCE_S):
        await rest.after(0.0)


async def test_a_relay_that_has_ended_is_told_nothing() -> None:
    rest = Rest(NEVER_S, 0.001)
    with rest.listening():
        pass
    Rest.stir_all()
    async with asyncio.timeout(AT_ONCE_S):
        await rest.after(0.0)  # as one that was not stirred
