"""A member account as the specification has it: lots, debt, holds, a version, a statement. Written from the contract
and the ledger's explanation; nothing of the ledger's own code is used here, so that both would have to err alike.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from guerdon.ledger.v1 import resources_pb2 as res

LONG_AGO, FOREVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Parts = list[tuple[int, int]]
"""Lots by number, and how much of each."""


class Refused(Exception):
    """What a caller is to be refused with. `frozen`: the same request is answered so again, whatever happened since."""

    def __init__(self, code: str, reason: str, **metadata: str | int) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
        self.metadata = {key: str(value) for key, value in metadata.items()}
        self.frozen = False
        self.fields: tuple[str, ...] = ()


def refused(reason: str, **metadata: str | int) -> Refused:
    """A refusal decided on the state of the accounts, which is kept."""
    made = Refused("FAILED_PRECONDITION", reason, **metadata)
    made.frozen = True
    return made


def invalid(*fields: str) -> Refused:
    """A request that cannot be right, whatever the state."""
    made = Refused("INVALID_ARGUMENT", "INVALID_FIELD")
    made.fields = fields
    return made


def stamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


@dataclass
class Lot:
    """Points that came together."""

    number: int
    amount: int
    expire: datetime
    available: datetime
    budget: str
    """The budget account that paid for it, or nothing."""
    open: int
    held: int = 0
    expired: int = 0

    @property
    def free(self) -> int:
        return self.open - self.held

    def spendable(self, now: datetime) -> bool:
        return self.available <= now < self.expire


@dataclass(eq=False)
class Hold:
    """Points set aside."""

    account: str
    amount: int
    expire: datetime
    purpose: str
    parts: Parts
    state: int = res.HOLD_STATE_ACTIVE
    captured: int = 0
    name: str = ""


@dataclass
class Line:
    """One line of the statement."""

    transaction: int
    amount: int
    posted: int
    version: int
    counterparty: str


@dataclass
class Member:
    """One member account."""

    name: str
    version: int = 0
    posted: int = 0
    debt: int = 0
    earned: int = 0
    spent: int = 0
    lots: dict[int, Lot] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    """Those that are active."""
    lines: list[Line] = field(default_factory=list)
    state: int = res.ACCOUNT_STATE_OPEN
    record_time: datetime = LONG_AGO
    """The latest that is known from an answer."""

    def copied(self) -> dict[str, Any]:
        """What to go back to after a refusal, which comes before a hold is changed."""
        lots = {number: copy.copy(lot) for number, lot in self.lots.items()}
        return vars(self) | {"lots": lots, "holds": dict(self.holds), "lines": list(self.lines)}

    def in_order(self, now: datetime) -> Iterator[Lot]:
        """The lots that can be spent, soonest expiry first, then oldest."""
        live = [lot for lot in self.lots.values() if lot.free and lot.spendable(now)]
        yield from sorted(live, key=lambda lot: (lot.expire, lot.number))

    def available(self, now: datetime) -> int:
        return sum(lot.free for lot in self.in_order(now)) - self.debt

    def line(self, transaction: int, amount: int, counterparty: str) -> None:
        """A posting moved `amount` here, and is one version."""
        self.posted += amount
        self.version += 1
        self.lines.append(Line(transaction, amount, self.posted, self.version, counterparty))

    def pending(self, now: datetime) -> list[Lot]:
        """The lots that cannot be spent yet, soonest expiry first, then oldest."""
        lots = [lot for lot in self.lots.values() if lot.open and now < lot.available and now < lot.expire]
        return sorted(lots, key=lambda lot: (lot.expire, lot.number))

    def waiting(self, now: datetime) -> int:
        return sum(lot.open for lot in self.pending(now))

    def take(self, amount: int, now: datetime, *, waiting: bool = False) -> Parts:
        """Takes up to so much from what can be spent, or from what cannot be spent yet."""
        parts: Parts = []
        for lot in self.pending(now) if waiting else self.in_order(now):
            if amount:
                part = min(lot.free, amount)
                lot.open -= part
                amount -= part
                parts.append((lot.number, part))
        return parts

    def pay_debt(self, lots: list[int], now: datetime) -> bool:
        """Debt is paid from what comes in. Says whether anything was paid."""
        before = self.debt
        for lot in list(self.in_order(now)):
            if lot.number in lots:
                part = min(lot.free, self.debt)
                lot.open -= part
                self.debt -= part
        return self.debt < before

    def require_state(self, operation: str) -> None:
        """The published table of states: what the account's state does not allow is refused."""
        closed, frozen = res.ACCOUNT_STATE_CLOSED, res.ACCOUNT_STATE_FROZEN
        if self.state == closed:
            raise refused("ACCOUNT_CLOSED", account=self.name)
        if self.state == frozen and operation in {"pay", "hold", "FreezeAccount"}:
            raise Refused("FAILED_PRECONDITION", "ACCOUNT_FROZEN", account=self.name)  # it may be unfrozen by then
        if self.state != frozen and operation == "UnfreezeAccount":
            raise Refused("FAILED_PRECONDITION", "ACCOUNT_NOT_FROZEN", account=self.name)

    def require_unlocked(self, amount: int, locked: res.Locked, now: datetime) -> None:
        """What is taken leaves what is locked, as was found at this version."""
        if locked.HasField("account_version") and locked.account_version != self.version:
            raise Refused(
                "ABORTED", "BALANCE_CHANGED", account=self.name, version=self.version, seen=locked.account_version
            )
        has = self.available(now)
        missing = amount + locked.amount - has
        if missing > 0:
            raise refused(
                "POINTS_LOCKED",
                account=self.name,
                required=amount,
                available=has,
                locked=locked.amount,
                missing=missing,
            )

    def require(self, amount: int, now: datetime) -> None:
        has = self.available(now)
        if amount > has:
            raise refused(
                "INSUFFICIENT_POINTS", account=self.name, required=amount, available=has, missing=amount - has
            )

    def free_hold(self, number: int, captured: int, now: datetime) -> Parts:
        """Ends a hold: `captured` is taken from its lots in their order, the rest is free again and pays debt."""
        hold = self.holds.pop(number)
        taken: Parts = []
        for lot_number, amount in hold.parts:
            lot = self.lots[lot_number]
            part = min(amount, captured)
            captured -= part
            lot.held -= amount
            lot.open -= part
            if part:
                taken.append((lot_number, part))
        self.pay_debt([lot for lot, _ in hold.parts], now)
        return taken

    def due_lots(self, now: datetime) -> list[Lot]:
        due = [lot for lot in self.lots.values() if lot.expire <= now and lot.free]
        return sorted(due, key=lambda lot: (lot.expire, lot.number))

    def balance(self, now: datetime, *, full: bool = False) -> res.Balance:
        """What a reader sees: the clock's facts count at once, `posted` and `version` are what is booked."""
        lapsed: dict[int, int] = {}
        for hold in self.holds.values():
            if hold.expire <= now:
                for lot, amount in hold.parts:
                    lapsed[lot] = lapsed.get(lot, 0) + amount
        active = [hold for hold in self.holds.values() if hold.expire > now]
        live = [lot for lot in self.lots.values() if lot.expire > now and lot.open]
        free = sum(lot.free + lapsed.get(lot.number, 0) for lot in live if lot.available <= now)
        changes = [hold.expire for hold in active] + [lot.expire for lot in live]
        changes += [lot.available for lot in live if lot.available > now]
        until = min(changes, default=FOREVER)
        made = res.Balance(
            account=self.name,
            posted=self.posted,
            held=sum(hold.amount for hold in active),
            pending=sum(lot.open for lot in live if lot.available > now),
            debt=self.debt,
            available=free - self.debt,
            lifetime_earned=self.earned,
            lifetime_spent=self.spent,
            version=self.version,
            state=self.state,  # type: ignore[arg-type]  # an enum's number
            valid_until=None if until == FOREVER else stamp(until),
        )
        if full:
            times = sorted({lot.expire for lot in live if lot.expire < FOREVER})
            for time in times[:100]:
                made.expiries.add(expire_time=stamp(time), amount=sum(lot.open for lot in live if lot.expire == time))
        return made

    def check(self) -> None:
        """What holds at every moment."""
        assert self.posted == sum(lot.open for lot in self.lots.values()) - self.debt
        assert all(0 <= lot.held <= lot.open <= lot.amount for lot in self.lots.values())
        assert sum(lot.held for lot in self.lots.values()) == sum(hold.amount for hold in self.holds.values())
