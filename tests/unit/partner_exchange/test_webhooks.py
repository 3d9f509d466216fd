"""Webhooks: when they are sent again, and who is told what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guerdon_kit.webhooks.rules import DELAYS, DeliveryState, Failure, Outcome, next_time
from partner_exchange.domain.partner_events import PREFIX, TYPES, told

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


def test_both_sides_are_told_of_an_exchange_each_by_the_name_it_reads_it_by() -> None:
    data: dict[str, Any] = {
        "exchange": "partners/aurora/exchanges/qt_1",
        "sender": "partners/aurora",
        "receiver": "partners/skyways",
        "debited_amount": 2**53 + 1,
    }
    said = told(f"{PREFIX}exchange_committed", data["exchange"], NOW, data)
    assert set(said) == {"aurora", "skyways"}
    for partner, payload in said.items():
        assert json.loads(payload) == {
            "type": f"{PREFIX}exchange_committed",
            "timestamp": "2026-03-01T12:00:00.000000+00:00",
            "data": {**data, "exchange": f"partners/{partner}/exchanges/qt_1"},
        }


def test_nobody_is_told_of_what_is_not_partners_to_know() -> None:
    assert told(f"{PREFIX}rate_book_proposed", "coalitions/c/rateBooks/2", NOW, {"sender": "partners/a"}) == {}
    assert f"{PREFIX}rate_book_proposed" not in TYPES
