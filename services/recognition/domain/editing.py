"""Editing a recognition: what may change, and until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from recognition.domain.errors import EditWindowOver
from recognition.domain.recognitions import Draft, Recognition, Visibility

FIELDS = ("message", "values", "visibility", "receivers", "amount")
EDITS_MAX = 20
WINDOW_DEFAULT = timedelta(minutes=15)
WINDOW_MAX = timedelta(days=30)

_WIDTH = {Visibility.PRIVATE: 0, Visibility.TEAM: 1, Visibility.PUBLIC: 2}


def changed_fields(before: Draft, after: Draft) -> list[str]:
    """What an edit changes, of FIELDS. Receivers in another order are the same."""
    same = {
        "message": before.message == after.message,
        "values": before.values == after.values,
        "visibility": before.visibility is after.visibility,
        "receivers": set(before.receivers) == set(after.receivers),
        "amount": before.amount == after.amount,
    }
    return [field for field in FIELDS if not same[field]]


def check_window(recognition: Recognition, after: Draft, window: timedelta, now: datetime) -> None:
    """Whether `recognition` may become `after` now. To be seen by fewer people it may at any time.

    Raises:
        EditWindowOver: it was given longer ago than that.
    """
    before = recognition.draft
    narrower = _WIDTH[after.visibility] < _WIDTH[before.visibility]
    if changed_fields(before, after) == ["visibility"] and narrower:
        return
    end_time = recognition.create_time + window
    if now >= end_time:
        raise EditWindowOver(end_time.isoformat())


def moves_points(before: Draft, after: Draft) -> bool:
    """Whether points follow such an edit."""
    return not {"receivers", "amount"}.isdisjoint(changed_fields(before, after))
