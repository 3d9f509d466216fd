"""Where a page of a list ordered by time begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Position:
    """The rows of a page, newest first, come before this time and id. `most` is how many at most."""

    before_time: datetime
    before: str
    most: int

    @property
    def parameters(self) -> dict[str, object]:
        """As the statements take it."""
        return {"before_time": self.before_time, "before": self.before, "most": self.most}
