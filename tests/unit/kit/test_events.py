"""Events as CloudEvents, and what may not be one."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from guerdon_kit.events.event import FIELDS, CloudEvent, Event

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def event(**changed: object) -> Event:
    fields: dict[str, object] = {
        "type": "guerdon.membership.v1.tier_upgraded",
        "subject": "programs/acme/members/7",
        "key": "programs/acme/members/7",
        "time": NOON,
        "data": {},
    }
    return Event(**(fields | changed))  # type: ignore[arg-type]  # some of these are wrong on purpose


@pytest.mark.parametrize(
    "changed",
    [
        {"type": "tier upgraded"},
        {"subject": ""},
        {"key": "k" * 257},
        {"time": datetime(2026, 3, 1, 12)},  # noqa: DTZ001 - the mistake under test
        {"data": {"text": "x" * 65_536}},
    ],
)
def test_a_malformed_event_is_refused_where_it_is_made(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="event"):
        event(**changed)


def test_an_event_survives_the_way_through_a_stream() -> None:
    sent = CloudEvent(
        id=UUID(int=7),
        source="//guerdon.dev/membership",
        type="guerdon.membership.v1.tier_upgraded",
        subject="programs/acme/members/7",
        key="programs/acme/members/7",
        time=NOON,
        data={"tier": "Gold ✨", "points": 2**53 + 1},
    )
    entry = dict(zip(FIELDS, sent.values(), strict=True))
    assert entry["specversion"] == "1.0"
    assert CloudEvent.from_entry(entry) == sent


def test_an_entry_that_is_no_event_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match="data"):
        CloudEvent.from_entry({"specversion": "1.0"})
