"""Webhooks: when they are sent again, and what an answer says of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon_kit.webhooks.rules import DELAYS, DeliveryState, Failure, Outcome, next_time

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_attempts_go_on_for_three_days_with_delays_that_grow() -> None:
    assert list(DELAYS) == sorted(DELAYS)
    assert timedelta(days=3) <= sum(DELAYS, timedelta()) <= timedelta(days=4)
    time = NOW
    for attempt, delay in enumerate(DELAYS, 1):
        assert Outcome(None, Failure.NO_ANSWER).state_after(attempt) is DeliveryState.PENDING
        assert next_time(attempt, time, 0.0) == time + delay
        assert next_time(attempt, time, 1.0) <= time + 1.1 * delay
        time = next_time(attempt, time, 0.5)
    assert Outcome(None, Failure.NO_ANSWER).state_after(len(DELAYS) + 1) is DeliveryState.FAILED


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_an_answer_of_2xx_takes_a_webhook(status: int) -> None:
    assert Outcome.of(status).state_after(1) is DeliveryState.DELIVERED
    assert not Outcome.of(status).gone


@pytest.mark.parametrize(("status", "gone"), [(100, False), (301, False), (404, False), (410, True), (503, False)])
def test_no_other_answer_does_and_410_wants_no_more(status: int, gone: bool) -> None:
    assert Outcome.of(status).state_after(1) is DeliveryState.PENDING
    assert Outcome.of(status).gone is gone
