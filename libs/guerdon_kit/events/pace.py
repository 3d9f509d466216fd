"""How often those look who send events on, or take them in."""

from __future__ import annotations

_SHARE = 10
_MOST_S = 0.25


def rest_s(took_s: float, least_s: float) -> float:
    """How long to rest after a turn that took so many seconds: nine times as long, at least `least_s` and at most a
    quarter of a second.

    A turn costs nearly as much for one event as for a hundred. Where turns take long, as on a busy machine, there are
    fewer and larger ones, and the events take at most a tenth of the time from the calls that they tell of.
    """
    return max(least_s, min((_SHARE - 1) * took_s, _MOST_S))
