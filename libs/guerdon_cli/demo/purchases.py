"""A file of purchases in the CDNOW format: a header, then customer, yyyymmdd, number of items and dollar value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

SAMPLE = Path(__file__).parents[3] / "examples" / "data" / "cdnow_sample.txt"
"""Real purchases that come with the project."""

_CUSTOMER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_~-]{0,59}")
_DOLLARS = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,2}))?")
_NOON = 12
"""The file has days only: at noon UTC it is that day in the shop's zone too."""


class PurchasesMalformed(Exception):
    """The file is not one of purchases; the text says which row, and why."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One row. `row` is its number after the header, from 1; `second` the Unix time of its day's noon in UTC."""

    row: int
    customer: str
    second: int
    cents: int

    @classmethod
    def parse(cls, row: int, line: str) -> Purchase:
        """The purchase that a line describes. Raises PurchasesMalformed."""
        fields = line.split()
        if len(fields) != 4:
            raise PurchasesMalformed(f"row {row} has {len(fields)} fields, not customer, yyyymmdd, number and dollars")
        customer, day, _, dollars = fields
        if not _CUSTOMER.fullmatch(customer):
            raise PurchasesMalformed(f"row {row}: {customer!r} is not a customer id")
        return cls(row, customer, _second(row, day), _cents(row, dollars))

    @property
    def id(self) -> str:
        """What the shop calls it: the file has no order numbers, and rows may be alike."""
        return f"row-{self.row}"

    @property
    def whole_dollars(self) -> int:
        """What the base rule of the demo awards: one point for each."""
        return self.cents // 100


def read_purchases(path: Path) -> list[Purchase]:
    """All purchases of the file, in its order. Raises PurchasesMalformed, and OSError."""
    with path.open(encoding="utf-8") as lines:
        try:
            next(lines, None)
            purchases = [Purchase.parse(row, line) for row, line in enumerate(lines, start=1)]
        except UnicodeDecodeError as problem:
            raise PurchasesMalformed(f"{path} is not text") from problem
    if not purchases:
        raise PurchasesMalformed(f"{path} has no purchase after its first line")
    return purchases


def in_chunks(purchases: Sequence[Purchase], most: int) -> list[Sequence[Purchase]]:
    """Cuts purchases into chunks of at most `most`, where it can between two customers: chunks that have no member in
    common need not wait for each other.
    """
    chunks: list[Sequence[Purchase]] = []
    first = 0
    while first < len(purchases):
        end = min(first + most, len(purchases))
        cut = end
        while end < len(purchases) and cut > first and purchases[cut - 1].customer == purchases[cut].customer:
            cut -= 1
        if cut > first:
            end = cut
        chunks.append(purchases[first:end])
        first = end
    return chunks


def by_points(purchases: Sequence[Purchase]) -> list[str]:
    """The customers, those with the most whole dollars first."""
    points: Counter[str] = Counter()
    for purchase in purchases:
        points[purchase.customer] += purchase.whole_dollars
    return sorted(points, key=lambda customer: (-points[customer], customer))


def _second(row: int, day: str) -> int:
    try:
        noon = datetime.strptime(day, "%Y%m%d").replace(hour=_NOON, tzinfo=UTC)
    except ValueError as problem:
        raise PurchasesMalformed(f"row {row}: {day!r} is not a day as yyyymmdd") from problem
    return int(noon.timestamp())


def _cents(row: int, dollars: str) -> int:
    """Exactly: digits are never read as a binary fraction."""
    match = _DOLLARS.fullmatch(dollars)
    if match is None:
        raise PurchasesMalformed(f"row {row}: {dollars!r} is not an amount in dollars and cents")
    whole, part = match.groups()
    return int(whole) * 100 + int((part or "").ljust(2, "0"))
