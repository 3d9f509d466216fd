"""The feed: recognitions, awards and celebrations, in the order in which they were given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from recognition.domain.awards import Award
from recognition.domain.celebrations import Celebration
from recognition.domain.recognitions import Recognition


@dataclass(frozen=True, slots=True)
class FeedItem:
    """Something in the feed at its time: that of a recognition's making, or of the payment of anything else. No two
    have one id.
    """

    time: datetime
    id: str
    content: Recognition | Award | Celebration


def newest(items: Iterable[FeedItem], most: int) -> list[FeedItem]:
    """At most so many, newest first, in the order in which pages go on."""
    return sorted(items, key=lambda item: (item.time, item.id), reverse=True)[:most]
