"""What a client process is told to do, and what it says it saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Self


class Shape(StrEnum):
    """What a client calls."""

    BATCH = "batch"
    """BatchPostTransactions."""
    POST = "post"
    """PostTransaction."""
    HOLD = "hold"
    """PlaceHold, then CaptureHold of what was placed: one item."""
    READ = "read"
    """GetBalance."""
    PURCHASE = "purchase"
    """RecordPurchase, of a basket of two lines."""
    IMPORT = "import"
    """A chunk of ImportPurchases; each connection has one stream."""
    EXCHANGE = "exchange"
    """CreateQuote, then ExecuteExchange of what was quoted: one item."""
    FEED = "feed"
    """ListRecognitions, as somebody sees them: the newest 20."""
    LEADERBOARD = "leaderboard"
    """ListLeaderboard, of one of the past twelve months: the first 50 places."""
    ECHO = "echo"
    """An empty call of a bare server."""


class Spread(StrEnum):
    """Which members are picked."""

    UNIFORM = "uniform"
    ZIPF = "zipf"
    """Number k with a probability proportional to 1 / k²."""
    TURNS = "turns"
    """Each once, in random order, before any comes again."""


@dataclass(frozen=True)
class Plan:
    """The work of one client process."""

    shape: Shape
    target: str
    token: str = field(repr=False)
    program: str = ""
    """`programs/…`, with members `m0`, `m1`, …, or `organisations/…`, with people `p0`, `p1`, …"""
    members: int = 1
    receiver: str = ""
    """The program whose members of the same ids receive what is exchanged."""
    spread: Spread = Spread.UNIFORM
    spends: bool = False
    """Spends rather than earns."""
    amount: int = 0
    """What each moves; 0: a random amount of 1 to 500."""
    items: int = 1
    """Transactions in one call."""
    omit_balances: bool = False
    in_flight: int = 1
    """Calls under way at once: the next is sent when one is answered."""
    channels: int = 1
    """Connections: each stays with one worker of the server."""
    seconds: float = 5.0
    """How long is measured, after the warm-up."""
    warm_s: float = 1.0
    calls: int = 0
    """At most so many calls."""
    repeats: bool = False
    """The requests are read-only and few: they are sent again and again."""
    built_before: bool = True
    """Whether all requests are built before the clock starts. A long load is built as it goes."""
    per_s: float = 0.0
    """Open loop: so many calls a second are sent, whatever becomes of them. 0: closed loop."""
    deadline_s: float = 60.0

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> Self:
        """The plan of a line."""
        values = json.loads(line)
        return cls(**values | {"shape": Shape(values["shape"]), "spread": Spread(values["spread"])})


@dataclass(frozen=True)
class Seen:
    """What a client process saw."""

    items: int
    """Items answered well within the measured time."""
    all_items: int
    """Items answered well at any time, the warm-up included."""
    seconds: float
    """The measured time."""
    latencies_us: Sequence[int]
    """Of each call in the measured time, in microseconds."""
    failures: Mapping[str, int]
    """Calls or items that failed, by status or reason."""
    unsent: int
    """Open loop: calls that the client itself could not send in time."""
    cpu: float
    """How much of one processor the client used: near 1, it is the client that is measured."""

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> Self:
        """What a line says."""
        return cls(**json.loads(line))


def together(seen: Sequence[Seen]) -> Seen:
    """What several clients saw of one server in the same time."""
    failures: dict[str, int] = {}
    for one in seen:
        for reason, count in one.failures.items():
            failures[reason] = failures.get(reason, 0) + count
    return Seen(
        items=sum(one.items for one in seen),
        all_items=sum(one.all_items for one in seen),
        seconds=max(one.seconds for one in seen),
        latencies_us=[latency for one in seen for latency in one.latencies_us],
        failures=failures,
        unsent=sum(one.unsent for one in seen),
        cpu=max(one.cpu for one in seen),
    )
