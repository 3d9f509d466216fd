"""What a batch has decided and will write."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ledger.domain.book import Move
from ledger.domain.model import Account, EventKind, Kind

if TYPE_CHECKING:
    from ledger.domain.adjustments import Adjustment


class Entry(NamedTuple):
    """One posting as it will be written. Versions and posted balances are set for member accounts only."""

    shard: int
    id: int
    ordinal: int
    source: Account
    destination: Account
    amount: int
    source_version: int | None
    source_posted: int | None
    destination_version: int | None
    destination_posted: int | None
    moves: tuple[Move, ...]
    source_debt_delta: int
    destination_debt_delta: int
    hold: int | None


class Record(NamedTuple):
    """One transaction as it will be written."""

    id: int
    program: int
    kind: Kind
    effective_time: datetime
    record_time: datetime
    actor: str
    memo: str
    reverses: int | None
    entries: tuple[Entry, ...]


class Event(NamedTuple):
    """A change of a member account that moves no points."""

    account: Account
    version: int
    kind: EventKind
    hold: int | None
    held_delta: int
    moves: tuple[Move, ...]
    debt_delta: int
    actor: str
    record_time: datetime
    expire_time: datetime | None = None
    """The expiry that the lots of an EXPIRY_MOVED were given."""
    expire_times_before: tuple[datetime, ...] = ()
    """The expiry that each of them had."""


@dataclass(slots=True)
class Journal:
    """The records, events and approvals of one batch, in their order."""

    records: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    approvals: list[Adjustment] = field(default_factory=list)
