"""What all predictions have in common: a program's accounts, what the clock does to them, and requests that have their
effect once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.ledger.v1 import books_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import LONG_AGO, Hold, Member, Refused
from tests.integration.ledger.model.predict.records import EXPIRY, Closed, Expected, Moved, Record, Transaction


@dataclass
class Program:
    """One program. `system` has what the system accounts come to."""

    program: str
    members: dict[str, Member] = field(default_factory=dict)
    system: dict[str, int] = field(default_factory=dict)
    transactions: list[Transaction] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    """Those of accounts that have some."""
    created: dict[str, Timestamp] = field(default_factory=dict)
    """When accounts were made, as it was answered."""
    requests: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    closed: list[Closed] = field(default_factory=list)
    """What is closed now, oldest first, without a gap."""
    changes: list[books_pb2.BooksChange] = field(default_factory=list)
    """What was ever closed and opened again, oldest first."""
    lots: int = 0
    actor: str = ""
    """Who asks."""

    def account(self, id_: str) -> str:
        return f"{self.program}/accounts/{id_}"

    @property
    def close_time(self) -> datetime | None:
        """Up to when the books are closed."""
        return self.closed[-1].until if self.closed else None

    # What the clock does, booked by whoever comes first.

    def settle(self, member: Member, now: datetime) -> None:
        """Lapsed holds, then expired lots, then debt that matured lots pay."""
        for number in sorted(n for n, hold in member.holds.items() if hold.expire <= now):
            self.end_hold(member, number, res.HOLD_STATE_EXPIRED, now)
        self.expire(member, now)
        if member.debt and member.pay_debt(list(member.lots), now):
            member.version += 1

    def settle_all(self, now: datetime) -> None:
        for member in self.members.values():
            self.settle(member, now)

    def end_hold(self, member: Member, number: int, state: int, now: datetime) -> None:
        """A hold ends with nothing taken: an event, and so a version."""
        member.holds[number].state = state
        member.free_hold(number, 0, now)
        member.version += 1

    def expire(self, member: Member, now: datetime) -> None:
        for lot in member.due_lots(now):
            gone_to = lot.budget or self.account("breakage.points")
            moved = Moved(member.name, gone_to, lot.free, [(lot.number, lot.free)])
            self.transactions.append(Transaction(EXPIRY, [moved], max(lot.expire, self.close_time or LONG_AGO)))
            lot.open -= moved.amount
            lot.expired += moved.amount
            self.system[gone_to] += moved.amount
            member.line(len(self.transactions) - 1, -moved.amount, gone_to)

    # Requests.

    def once(self, family: str, request: Any, decide: Callable[[], Expected]) -> Expected:
        """A request has its effect once; with another body its id is refused."""
        body = copy.deepcopy(request)
        body.ClearField("request_id")
        fields = {f.name: _bytes(body, f.name) for f, _ in body.ListFields()}
        key = (family, self.actor, request.request_id)
        known = self.requests.get(key)
        if known is not None and known.body != body.SerializeToString(deterministic=True):
            differ = [
                f.name for f in body.DESCRIPTOR.fields if fields.get(f.name, b"") != known.fields.get(f.name, b"")
            ]
            return Expected(refusal=Refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED", fields=",".join(differ)))
        if known is not None:
            return Expected(known.expected.reply, known.expected.refusal, replayed=True)
        try:
            expected = decide()
        except Refused as refusal:
            expected = Expected(refusal=refusal)
        if expected.refusal is None or expected.refusal.frozen:
            self.requests[key] = Record(body.SerializeToString(deterministic=True), fields, expected)
        return expected

    # What all writes have in common.

    def members_among(self, sides: Iterable[tuple[str, str]]) -> list[Member]:
        """The member accounts among the sides of postings, each once, in their order."""
        names = dict.fromkeys(name for pair in sides for name in pair if name in self.members)
        return [self.members[name] for name in names]

    def book(self, transaction: int, moved: Moved) -> None:
        """Each side gets its line, or its sum."""
        for name, amount, other in (
            (moved.source, -moved.amount, moved.destination),
            (moved.destination, moved.amount, moved.source),
        ):
            if name in self.members:
                self.members[name].line(transaction, amount, other)
            else:
                self.system[name] += amount

    def under_lock(self, touched: list[Member], now: datetime, decide: Callable[[], Any]) -> Any:
        """The clock's facts are booked first; then a decision has its whole effect, or none."""
        for member in touched:
            self.settle(member, now)
        before = [member.copied() for member in touched]
        system, transactions = dict(self.system), len(self.transactions)
        try:
            return decide()
        except Refused:
            for member, was in zip(touched, before, strict=True):
                vars(member).update(was)
            self.system = system
            del self.transactions[transactions:]
            raise

    def learn(self, expected: Any, actual: Any, made: Transaction, touched: list[Member]) -> None:
        """A transaction's name is new, and its record time later than all before it on these accounts."""
        self.learn_time(expected, actual, touched)
        if made.moved:
            expected.transaction = actual.transaction
            self.learn_name(made, actual.transaction, actual.record_time)

    @staticmethod
    def learn_time(expected: Any, actual: Any, touched: list[Member]) -> None:
        expected.record_time.CopyFrom(actual.record_time)
        time = time_of(actual.record_time)
        for member in touched:
            assert time > member.record_time, "record times of an account strictly increase"
            member.record_time = time

    def learn_name(self, made: Transaction, name: str, record_time: Any) -> None:
        assert name.startswith(f"{self.program}/transactions/")
        assert name not in self.names, "every transaction has a name of its own"
        made.name, made.record_time, made.actor = name, time_of(record_time), self.actor
        self.names[name] = next(n for n, one in enumerate(self.transactions) if one is made)


def time_of(message: Any) -> datetime:
    found: datetime = message.ToDatetime(tzinfo=UTC)
    return found


def _bytes(message: Any, field_name: str) -> bytes:
    """One field alone."""
    alone = copy.deepcopy(message)
    for other, _ in message.ListFields():
        if other.name != field_name:
            alone.ClearField(other.name)
    data: bytes = alone.SerializeToString(deterministic=True)
    return data
