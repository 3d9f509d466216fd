"""Which process runs which file when two share the suite (`make test`).

One takes the files from the front, the other from the back. So nearly every folder is one process's alone, and what its
fixtures start is started once; taking turns, each process would start all of it. In the middle lie the unit tests, so
many small files that both end at almost the same time however long theirs were.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xdist.scheduler import LoadFileScheduling

SERVICES = {folder.name for folder in (Path(__file__).parents[1] / "services").iterdir()}


def place(node_id: str) -> int:
    """Whether a test is at the front, in the middle or at the back: 0, 1 or 2. Both ends take about as long."""
    _, kind, *inner = node_id.split("/")
    if kind == "unit":
        return 1
    return 2 if kind == "integration" and inner[0] in SERVICES else 0


class FromBothEnds(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Whole files, to every second process from the back."""

    def _assign_work_unit(self, node: Any) -> None:
        if self.nodes.index(node) % 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)
