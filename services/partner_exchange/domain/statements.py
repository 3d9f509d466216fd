"""Statements: what a party owes and is owed for a window, line by line, and how its own file differs from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from fractions import Fraction

from partner_exchange.domain.windows import Window

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class LineKind(Enum):
    """Why a line is in a statement."""

    EXCHANGE = "EXCHANGE"
    REVERSAL = "REVERSAL"
    PROMOTION = "PROMOTION"
    FEE = "FEE"
    PROMOTION_REVERSAL = "PROMOTION_REVERSAL"
    ADJUSTMENT = "ADJUSTMENT"
    ROUNDING = "ROUNDING"
    SETTLEMENT = "SETTLEMENT"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands: pairs by payer and payee, each with its entries and its rounding; then settlements."""

    payer: str = ""
    payee: str = ""
    time: datetime = BEGINNING
    kind: str = ""
    """Empty before the first entry of the pair."""
    entry: str = ""
    """Of a settlement, the number of the window."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line, as its party sees it."""

    kind: LineKind
    place: Place
    amount: Fraction
    """What it adds to the balance, in minor units."""
    entry: str = ""
    counterparty: str | None = None
    """A partner's id, or HUB; None for settlements."""
    time: datetime | None = None
    debited: int = 0
    received: int = 0
    settled_window: int | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A party's statement without its lines; None: not known until the windows are closed and counted."""

    partner: str
    window: Window
    currency: str
    opening: int | None
    closing: int | None

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"partners/{self.partner}/statements/{self.window.number}"


CSV_HEADER = ("line", "entry", "counterparty", "time", "debited", "received", "minor_units", "fraction", "window")


def csv_row(line: Line, counterparty: str, settled_window: str) -> tuple[str, ...]:
    """A line as a row of the file, with the names of what it is about."""
    whole, fraction = divmod(line.amount, 1)
    return (
        line.kind.value,
        line.entry,
        counterparty,
        "" if line.time is None else line.time.isoformat(),
        str(line.debited),
        str(line.received),
        str(whole),
        str(fraction),
        settled_window,
    )


def csv_balance(name: str, balance: int) -> tuple[str, ...]:
    """The row of a balance."""
    return (name, "", "", "", "", "", str(balance), "0", "")


COMPARED = frozenset({LineKind.EXCHANGE, LineKind.REVERSAL})
"""The lines that a partner's own file is compared with."""


class DifferenceKind(Enum):
    """What is wrong with a row of a partner's file."""

    MISSING = "MISSING"
    EXTRA = "EXTRA"
    DIFFERENT = "DIFFERENT"
    DUPLICATE = "DUPLICATE"


@dataclass(frozen=True, slots=True)
class Row:
    """An exchange, or a reversal, as a partner's file has it, or the statement."""

    entry_id: str
    owes: bool
    """Whether the partner owes for it: it sent the exchange, or received the one that was taken back."""
    counterparty_id: str
    debited_amount: int
    received_amount: int


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; `fields` has name, the statement's value and the file's, of each that differs."""

    kind: DifferenceKind
    entry_id: str
    fields: tuple[tuple[str, str, str], ...] = ()


_COMPARED = ("owes", "counterparty_id", "debited_amount", "received_amount")


def compare(rows: Sequence[Row], ours: Mapping[str, Row], seen: set[str]) -> Iterator[Difference]:
    """What is wrong with rows of the file; `ours` has those of them that the statement has, and `seen` the ids of the
    rows before, to which these are added.
    """
    for row in rows:
        if row.entry_id in seen:
            yield Difference(DifferenceKind.DUPLICATE, row.entry_id)
            continue
        seen.add(row.entry_id)
        kept = ours.get(row.entry_id)
        if kept is None:
            yield Difference(DifferenceKind.EXTRA, row.entry_id)
            continue
        fields = tuple(
            (name, str(getattr(kept, name)), str(getattr(row, name)))
            for name in _COMPARED
            if getattr(kept, name) != getattr(row, name)
        )
        if fields:
            yield Difference(DifferenceKind.DIFFERENT, row.entry_id, fields)
