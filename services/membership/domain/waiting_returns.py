"""How long a return that came before its purchase waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta

LOOK_MIN = timedelta(seconds=1)
LOOK_MAX = timedelta(days=1)


def next_look(record_time: datetime, now: datetime, wait_days: int) -> datetime | None:
    """When a return that still waits is looked at next: when it has waited twice as long, after a second at least and a
    day at most; None once it has waited `wait_days`.

    A purchase that arrives has its returns looked at by itself. Looks find those that neither of the two saw, because
    they were written at once: that is while the return is young.
    """
    age = now - record_time
    if age >= timedelta(days=wait_days):
        return None
    return min(now + min(max(age, LOOK_MIN), LOOK_MAX), record_time + timedelta(days=wait_days))
