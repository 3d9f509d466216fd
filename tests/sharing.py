"""Which process runs what when several share the suite (`make test`).

A folder whose tests need servers is one process's alone, for what its fixtures start is started once; those that take
longest come first. Unit tests come last, file by file: so many small files that all processes end at almost the same
time, however long their folders took.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

LONGEST = (
    "tests/integration/ledger",
    "tests/contract/recognition",
    "tests/e2e",
    "tests/contract/membership",
    "tests/contract/partner_exchange",
    "tests/contract/ledger",
    "tests/contract/rewards_catalog",
    "tests/integration/membership",
    "tests/integration/rewards_catalog",
    "tests/integration/partner_exchange",
    "tests/integration/recognition",
    "tests/integration/kit",
    "tests/integration/launcher",
)
"""What takes longest, the longest first. It matters little that it is not quite so any more."""


def unit_of_work(node_id: str) -> str:
    """What the test is run with by one process: its folder, or for a unit test its file."""
    file = node_id.partition("::")[0]
    _, kind, *inner = file.split("/")
    if kind == "unit":
        return file
    return "/".join(("tests", kind, *inner[:-1][:1]))


def place(node_id: str) -> int:
    """Where in the order of its work a test comes: the lowest first."""
    unit = unit_of_work(node_id)
    if unit in LONGEST:
        return LONGEST.index(unit)
    return len(LONGEST) + unit.startswith("tests/unit")


class ByFolder(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Units of work, to each process that has nothing left the next."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of_work(nodeid)
