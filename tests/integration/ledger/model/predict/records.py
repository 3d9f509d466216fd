"""What the auditor keeps of transactions and of requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import Parts, Refused

EARN, SPEND, EXCHANGE = res.TRANSACTION_KIND_EARN, res.TRANSACTION_KIND_SPEND, res.TRANSACTION_KIND_EXCHANGE
GRANT, RECOGNITION = res.TRANSACTION_KIND_GRANT, res.TRANSACTION_KIND_RECOGNITION
TRANSFER, MERGE = res.TRANSACTION_KIND_TRANSFER, res.TRANSACTION_KIND_MERGE
MOVES = {TRANSFER, MERGE}
REVERSAL, EXPIRY = res.TRANSACTION_KIND_REVERSAL, res.TRANSACTION_KIND_EXPIRY
ADJUSTMENT = res.TRANSACTION_KIND_ADJUSTMENT
EARNS = {EARN, GRANT, RECOGNITION}
SPENDS = {SPEND, RECOGNITION}
EXCHANGER = "service:partner_exchange"
"""The actor that alone posts and reverses an EXCHANGE."""
FINAL: dict[int, str] = {REVERSAL: "REVERSAL", EXPIRY: "EXPIRY", MERGE: "MERGE"}


@dataclass
class Moved:
    """One posting, and what it did."""

    source: str
    destination: str
    amount: int
    consumed: Parts = field(default_factory=list)
    lots: list[int] = field(default_factory=list)
    """The lots it made."""
    undone: int = 0
    restored: dict[int, int] = field(default_factory=dict)


@dataclass
class Transaction:
    """One transaction. Its name and record time are learnt."""

    kind: int
    moved: list[Moved]
    effective: datetime | None
    memo: str = ""
    reverses: int | None = None
    actor: str = ""
    name: str = ""
    record_time: datetime | None = None


@dataclass(frozen=True)
class Closed:
    """A stretch of time whose books a person closed."""

    since: datetime
    until: datetime
    person: str


@dataclass
class Expected:
    """What is to come back: a reply, of which the parts that only the ledger can say are learnt, or a refusal."""

    reply: Message | None = None
    refusal: Refused | None = None
    replayed: bool = False
    learn: Callable[[Any, Any], None] = lambda _expected, _actual: None
    """Completes the expected reply by what only the actual one can say, and raises where that cannot be."""


@dataclass
class Record:
    """A request that was carried out, or refused for good."""

    body: bytes
    fields: dict[str, bytes]
    expected: Expected
