"""Partners' events: who is told what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from partner_exchange.domain.partner_events import PREFIX, TYPES, told

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


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
