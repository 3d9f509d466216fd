"""Predicts every reply of the ledger, in memory, one program at a time.

What only the ledger can say (names, record times) is learnt from its answers, and checked for what must hold of it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import (
    FOREVER,
    LONG_AGO,
    Hold,
    Lot,
    Member,
    Parts,
    Refused,
    invalid,
    refused,
    stamp,
)

EARN, SPEND, EXCHANGE = res.TRANSACTION_KIND_EARN, res.TRANSACTION_KIND_SPEND, res.TRANSACTION_KIND_EXCHANGE
GRANT, RECOGNITION = res.TRANSACTION_KIND_GRANT, res.TRANSACTION_KIND_RECOGNITION
TRANSFER = res.TRANSACTION_KIND_TRANSFER
REVERSAL, EXPIRY = res.TRANSACTION_KIND_REVERSAL, res.TRANSACTION_KIND_EXPIRY
ADJUSTMENT = res.TRANSACTION_KIND_ADJUSTMENT
EARNS = {EARN, GRANT, RECOGNITION}
SPENDS = {SPEND, RECOGNITION}
FINAL: dict[int, str] = {EXCHANGE: "EXCHANGE", REVERSAL: "REVERSAL", EXPIRY: "EXPIRY"}


STATES: dict[str, tuple[Any, int]] = {
    "FreezeAccount": (pb.FreezeAccountResponse, res.ACCOUNT_STATE_FROZEN),
    "UnfreezeAccount": (pb.UnfreezeAccountResponse, res.ACCOUNT_STATE_OPEN),
    "CloseAccount": (pb.CloseAccountResponse, res.ACCOUNT_STATE_CLOSED),
}


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


@dataclass
class Auditor:
    """One program. `system` has what the system accounts come to."""

    program: str
    members: dict[str, Member] = field(default_factory=dict)
    system: dict[str, int] = field(default_factory=dict)
    transactions: list[Transaction] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    requests: dict[tuple[str, str], Record] = field(default_factory=dict)
    lots: int = 0
    actor: str = ""
    """Who asks."""

    def account(self, id_: str) -> str:
        return f"{self.program}/accounts/{id_}"

    # What the clock does, booked by whoever comes first.

    def settle(self, member: Member, now: datetime) -> None:
        """Lapsed holds, then expired lots, then debt that matured lots pay."""
        for number in sorted(n for n, hold in member.holds.items() if hold.expire <= now):
            self._end(member, number, res.HOLD_STATE_EXPIRED, now)
        self._expire(member, now)
        if member.debt and member.pay_debt(list(member.lots), now):
            member.version += 1

    def settle_all(self, now: datetime) -> None:
        for member in self.members.values():
            self.settle(member, now)

    def _end(self, member: Member, number: int, state: int, now: datetime) -> None:
        """A hold ends with nothing taken: an event, and so a version."""
        member.holds[number].state = state
        member.free_hold(number, 0, now)
        member.version += 1

    def _expire(self, member: Member, now: datetime) -> None:
        for lot in member.due_lots(now):
            gone_to = lot.budget or self.account("breakage.points")
            moved = Moved(member.name, gone_to, lot.free, [(lot.number, lot.free)])
            self.transactions.append(Transaction(EXPIRY, [moved], lot.expire))
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
        key = (family, request.request_id)
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

    def post(self, request: Any, now: datetime) -> Expected:
        """A PostTransaction, or an item of a batch: the same request."""
        item = pb.PostTransactionItem(transaction=request.transaction, request_id=request.request_id)
        return self.once("post", item, lambda: self._post(request.transaction, now))

    def _post(self, message: res.Transaction, now: datetime) -> Expected:
        for index, posting in enumerate(message.postings):
            for side in (posting.source, posting.destination):
                if side not in self.members and side not in self.system:
                    raise Refused("NOT_FOUND", "NOT_FOUND", resource=side)
            expire, available = _times(posting)
            if available >= expire and posting.HasField("available_time"):
                raise invalid(f"transaction.postings[{index}].available_time")
            if message.kind == TRANSFER and posting.HasField("expire_time"):
                raise invalid(f"transaction.postings[{index}]")
            if posting.source == posting.destination:
                raise invalid(f"transaction.postings[{index}].destination")
        if message.HasField("effective_time") and _time(message.effective_time) > now:
            raise invalid("transaction.effective_time")
        touched = self._members((p.source, p.destination) for p in message.postings)
        made = self.under_lock(touched, now, lambda: self._apply(message, now))
        reply = pb.PostTransactionResponse(balances=[member.balance(now) for member in touched])
        return Expected(reply, learn=lambda expected, actual: self._learn(expected, actual, made, touched))

    def _apply(self, message: res.Transaction, now: datetime) -> Transaction:
        effective = _time(message.effective_time) if message.HasField("effective_time") else None
        made = Transaction(message.kind, [], effective, message.memo)
        number = len(self.transactions)
        self.transactions.append(made)
        debits: dict[str, int] = {}
        for posting in message.postings:
            moved = Moved(posting.source, posting.destination, posting.amount)
            made.moved.append(moved)
            source, destination = self.members.get(posting.source), self.members.get(posting.destination)
            if source is not None:
                source.require_state("adjust" if message.kind == ADJUSTMENT else "pay")
                before = debits.get(source.name, 0)
                if source.available(now) < posting.amount:
                    all_of_it = sum(p.amount for p in message.postings if p.source == source.name)
                    has = source.available(now) + before
                    raise refused(
                        "INSUFFICIENT_POINTS",
                        account=source.name,
                        required=all_of_it,
                        available=has,
                        missing=all_of_it - has,
                    )
                moved.consumed = source.take(posting.amount, now)
                debits[source.name] = before + posting.amount
                source.spent += posting.amount if message.kind in SPENDS else 0
            if destination is not None:
                destination.require_state("receive")
                if source is not None and message.kind == TRANSFER:
                    moved.lots = self._move_lots(source, moved.consumed, destination, now)
                else:
                    expire, available = _times(posting)
                    budget = posting.source if "/budget." in posting.source else ""
                    moved.lots = [self._credit(destination, posting.amount, expire, available, budget, now)]
                destination.earned += posting.amount if message.kind in EARNS else 0
            self._book(number, moved)
        return made

    def _credit(
        self, member: Member, amount: int, expire: datetime, available: datetime, budget: str, now: datetime
    ) -> int:
        if expire <= now:
            raise refused("EXPIRY_PASSED", expire_time=expire.isoformat())
        self.lots += 1
        member.lots[self.lots] = Lot(self.lots, amount, expire, available, budget, amount)
        member.pay_debt([self.lots], now)
        return self.lots

    def _move_lots(self, source: Member, taken: Parts, to: Member, now: datetime) -> list[int]:
        """Points that are transferred stay what they are; neighbours of one expiry and budget become one lot."""
        whole: list[tuple[datetime, str, int]] = []
        for number, part in taken:
            lot = source.lots[number]
            before = whole.pop()[2] if whole and whole[-1][:2] == (lot.expire, lot.budget) else 0
            whole.append((lot.expire, lot.budget, before + part))
        return [self._credit(to, part, expire, now, budget, now) for expire, budget, part in whole]

    def _book(self, transaction: int, moved: Moved) -> None:
        """Each side gets its line, or its sum."""
        for name, amount, other in (
            (moved.source, -moved.amount, moved.destination),
            (moved.destination, moved.amount, moved.source),
        ):
            if name in self.members:
                self.members[name].line(transaction, amount, other)
            else:
                self.system[name] += amount

    def reverse(self, request: pb.ReverseTransactionRequest, now: datetime) -> Expected:
        return self.once("reverse", request, lambda: self._reverse(request, now))

    def _reverse(self, request: pb.ReverseTransactionRequest, now: datetime) -> Expected:
        original = self.transactions[self.names[request.name]]
        touched = self._members((moved.source, moved.destination) for moved in original.moved)
        made = self.under_lock(touched, now, lambda: self._undo(request, original, now))
        amount = sum(moved.amount for moved in made.moved)
        balances = [member.balance(now) for member in touched]
        reply = pb.ReverseTransactionResponse(balances=balances, reversed_amount=amount)
        return Expected(reply, learn=lambda expected, actual: self._learn(expected, actual, made, touched))

    def _undo(self, request: pb.ReverseTransactionRequest, original: Transaction, now: datetime) -> Transaction:
        name = request.name
        if original.kind in FINAL:
            raise refused("NOT_REVERSIBLE", transaction=name, kind=FINAL[original.kind])
        left = self._left(request, original)
        for moved in original.moved:
            for member in self._members([(moved.destination, moved.source)]):
                member.require_state("reverse")
        number = len(self.transactions)
        made = Transaction(REVERSAL, [], None, request.memo, self.names[name])
        self.transactions.append(made)
        for moved, wanted in zip(original.moved, left, strict=True):
            back = self._undo_posting(original.kind, moved, wanted, request.policy, now)
            if back is not None:
                made.moved.append(back)
                self._book(number, back)
        if not made.moved:
            self.transactions.pop()
            return made
        for member in self._members((moved.source, "") for moved in original.moved):
            self._expire(member, now)
        return made

    def _left(self, request: pb.ReverseTransactionRequest, original: Transaction) -> list[int]:
        """How much of each posting is to be undone."""
        name = request.name
        left = [moved.amount - self._expired(moved) for moved in original.moved]
        undone = sum(moved.undone for moved in original.moved)
        if len(left) > 1:
            total = sum(moved.amount for moved in original.moved)
            if undone:
                raise refused("OVER_REVERSAL", transaction=name, requested=request.amount or total, remaining=0)
            if request.amount not in (0, total):
                raise refused("PARTIAL_REVERSAL_NOT_POSSIBLE", transaction=name, postings=len(left))
        else:
            remaining = max(0, left[0] - undone)
            if remaining == 0 or request.amount > remaining:
                raise refused("OVER_REVERSAL", transaction=name, requested=request.amount, remaining=remaining)
            left = [request.amount or remaining]
        return left

    def _undo_posting(self, kind: int, moved: Moved, amount: int, policy: int, now: datetime) -> Moved | None:
        giver, taker = self.members.get(moved.destination), self.members.get(moved.source)
        if giver is not None:
            brought = [giver.lots[lot] for lot in reversed(moved.lots)]
            unspent = sum(lot.free for lot in brought if lot.expire > now)
            if policy == pb.CLAWBACK_POLICY_ONLY_UNSPENT:
                amount = min(amount, unspent)
            elif policy == pb.CLAWBACK_POLICY_WITHIN_BALANCE:
                pending = sum(lot.free for lot in brought if lot.available > now)
                amount = min(amount, max(0, giver.available(now)) + pending)
            if amount == 0:
                return None
            rest = amount
            for own in brought:
                part = min(own.free, rest)
                own.open -= part
                rest -= part
            giver.debt += rest - sum(part for _, part in giver.take(rest, now))
            giver.earned -= amount if kind in EARNS else 0
        if taker is not None:
            left, back = amount, []
            for lot, consumed in reversed(moved.consumed):
                part = min(consumed - moved.restored.get(lot, 0), left)
                if part:
                    taker.lots[lot].open += part
                    moved.restored[lot] = moved.restored.get(lot, 0) + part
                    left -= part
                    back.append(lot)
            assert left == 0
            taker.pay_debt(back, now)
            taker.spent -= amount if kind in SPENDS else 0
        moved.undone += amount
        return Moved(moved.destination, moved.source, amount)

    def _expired(self, moved: Moved) -> int:
        member = self.members.get(moved.destination)
        return 0 if member is None else sum(member.lots[lot].expired for lot in moved.lots)

    # Holds.

    def place(self, request: pb.PlaceHoldRequest, now: datetime) -> Expected:
        return self.once("place", request, lambda: self._place(request.hold, now))

    def _place(self, message: res.Hold, now: datetime) -> Expected:
        member = self.members[message.account]

        def decide() -> Hold:
            member.require_state("hold")
            expire = _time(message.expire_time)
            if expire <= now:
                raise refused("EXPIRY_PASSED", expire_time=expire.isoformat())
            member.require(message.amount, now)
            hold = Hold(message.account, message.amount, expire, message.purpose, [])
            left = message.amount
            for lot in member.in_order(now):
                part = min(lot.free, left)
                if part:
                    lot.held += part
                    left -= part
                    hold.parts.append((lot.number, part))
            member.holds[len(self.holds)] = hold
            self.holds.append(hold)
            member.version += 1
            return hold

        hold = self.under_lock([member], now, decide)

        def learn(expected: pb.PlaceHoldResponse, actual: pb.PlaceHoldResponse) -> None:
            assert actual.hold.name.startswith(f"{self.program}/holds/")
            assert actual.hold.name not in {one.name for one in self.holds}
            hold.name = expected.hold.name = actual.hold.name

        return Expected(pb.PlaceHoldResponse(hold=self.hold(hold, now), balance=member.balance(now)), learn=learn)

    def capture(self, request: pb.CaptureHoldRequest, now: datetime) -> Expected:
        return self.once("capture", request, lambda: self._capture(request, now))

    def _capture(self, request: pb.CaptureHoldRequest, now: datetime) -> Expected:
        hold = self._hold_of(request.name)
        member = self.members[hold.account]

        def decide() -> Transaction:
            self._require_active(hold)
            amount = request.amount or hold.amount
            if amount > hold.amount:
                raise refused("CAPTURE_EXCEEDS_HOLD", hold=hold.name, held=hold.amount, requested=amount)
            taken = member.free_hold(self.holds.index(hold), amount, now)
            hold.state, hold.captured = res.HOLD_STATE_CAPTURED, amount
            member.spent += amount
            moved = Moved(member.name, request.destination or self.account("redemption.points"), amount, taken)
            self.transactions.append(Transaction(SPEND, [moved], None, request.memo))
            self._book(len(self.transactions) - 1, moved)
            made = self.transactions[-1]
            self._expire(member, now)
            return made

        made = self.under_lock([member], now, decide)
        reply = pb.CaptureHoldResponse(hold=self.hold(hold, now), balance=member.balance(now))
        return Expected(reply, learn=lambda expected, actual: self._learn(expected, actual, made, [member]))

    def release(self, request: pb.ReleaseHoldRequest, now: datetime) -> Expected:
        return self.once("release", request, lambda: self._release(request, now))

    def _release(self, request: pb.ReleaseHoldRequest, now: datetime) -> Expected:
        hold = self._hold_of(request.name)
        member = self.members[hold.account]

        def decide() -> None:
            self._require_active(hold)
            self._end(member, self.holds.index(hold), res.HOLD_STATE_RELEASED, now)
            self._expire(member, now)

        self.under_lock([member], now, decide)
        return Expected(pb.ReleaseHoldResponse(hold=self.hold(hold, now), balance=member.balance(now)))

    def hold(self, hold: Hold, now: datetime) -> res.Hold:
        """A hold as it is read at `now`."""
        lapsed = hold.state == res.HOLD_STATE_ACTIVE and hold.expire <= now
        return res.Hold(
            name=hold.name,
            account=hold.account,
            amount=hold.amount,
            expire_time=stamp(hold.expire),
            purpose=hold.purpose,
            state=res.HOLD_STATE_EXPIRED if lapsed else hold.state,  # type: ignore[arg-type]  # an enum's number
            captured_amount=hold.captured,
        )

    def _hold_of(self, name: str) -> Hold:
        return next(hold for hold in self.holds if hold.name == name)

    @staticmethod
    def _require_active(hold: Hold) -> None:
        if hold.state == res.HOLD_STATE_CAPTURED:
            raise refused("HOLD_ALREADY_CAPTURED", hold=hold.name, captured=hold.captured)
        if hold.state == res.HOLD_STATE_RELEASED:
            raise refused("HOLD_ALREADY_RELEASED", hold=hold.name)
        if hold.state == res.HOLD_STATE_EXPIRED:
            raise refused("HOLD_EXPIRED", hold=hold.name, expire_time=hold.expire.isoformat())

    # States.

    def change_state(self, method: str, request: Any, now: datetime) -> Expected:
        """FreezeAccount, UnfreezeAccount or CloseAccount."""
        return self.once(method, request, lambda: self._change_state(method, request, now))

    def _change_state(self, method: str, request: Any, now: datetime) -> Expected:
        member = self.members[request.name]
        reply, state = STATES[method]

        def decide() -> None:
            member.require_state(method)
            if method == "CloseAccount" and (member.posted or member.debt):
                has = member.balance(now)
                raise refused(
                    "ACCOUNT_NOT_EMPTY",
                    account=member.name,
                    posted=has.posted,
                    held=has.held,
                    pending=has.pending,
                    debt=has.debt,
                )
            member.state = state
            member.version += 1

        self.under_lock([member], now, decide)

        def learn(expected: Any, actual: Any) -> None:
            expected.record_time.CopyFrom(actual.record_time)
            assert _time(actual.record_time) > member.record_time
            member.record_time = _time(actual.record_time)

        return Expected(reply(balance=member.balance(now)), learn=learn)

    # Reading.

    def balance(self, name: str, now: datetime, *, full: bool = False) -> res.Balance:
        if name in self.members:
            return self.members[name].balance(now, full=full)
        return res.Balance(account=name, posted=self.system[name], state=res.ACCOUNT_STATE_OPEN)

    def statement(self, name: str) -> list[res.Entry]:
        """The whole statement, oldest first, without the names and times that are not known."""
        found = []
        for line in self.members[name].lines:
            of = self.transactions[line.transaction]
            entry = res.Entry(
                transaction=of.name,
                kind=of.kind,  # type: ignore[arg-type]  # an enum's number
                amount=line.amount,
                posted=line.posted,
                version=line.version,
                counterparty=line.counterparty,
                memo=of.memo,
            )
            if of.record_time is not None:
                entry.record_time.CopyFrom(stamp(of.record_time))
            if effective := of.effective or of.record_time:
                entry.effective_time.CopyFrom(stamp(effective))
            found.append(entry)
        return found

    def learn_statement(self, name: str, entries: list[res.Entry]) -> None:
        """Takes the names and times of expiries from a statement: nobody was answered with them."""
        for line, entry in zip(self.members[name].lines, entries, strict=True):
            of = self.transactions[line.transaction]
            if not of.name and of.kind == EXPIRY:
                self._name(of, entry.transaction, entry.record_time)

    def stored(self, number: int) -> res.Transaction:
        """A transaction as it is read."""
        of = self.transactions[number]
        assert of.record_time is not None
        return res.Transaction(
            name=of.name,
            kind=of.kind,  # type: ignore[arg-type]  # an enum's number
            postings=[res.Posting(source=m.source, destination=m.destination, amount=m.amount) for m in of.moved],
            effective_time=stamp(of.effective or of.record_time),
            record_time=stamp(of.record_time),
            memo=of.memo,
            actor="ledger:sweeper" if of.kind == EXPIRY else of.actor,
            reverses="" if of.reverses is None else self.transactions[of.reverses].name,
        )

    # What all writes have in common.

    def _members(self, sides: Iterable[tuple[str, str]]) -> list[Member]:
        """The member accounts among the sides of postings, each once, in their order."""
        names = dict.fromkeys(name for pair in sides for name in pair if name in self.members)
        return [self.members[name] for name in names]

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

    def _learn(self, expected: Any, actual: Any, made: Transaction, touched: list[Member]) -> None:
        """A transaction's name is new, and its record time later than all before it on these accounts."""
        expected.record_time.CopyFrom(actual.record_time)
        time = _time(actual.record_time)
        for member in touched:
            assert time > member.record_time, "record times of an account strictly increase"
            member.record_time = time
        if made.moved:
            expected.transaction = actual.transaction
            self._name(made, actual.transaction, actual.record_time)

    def _name(self, made: Transaction, name: str, record_time: Any) -> None:
        assert name.startswith(f"{self.program}/transactions/")
        assert name not in self.names, "every transaction has a name of its own"
        made.name, made.record_time, made.actor = name, _time(record_time), self.actor
        self.names[name] = next(n for n, one in enumerate(self.transactions) if one is made)


def _time(message: Any) -> datetime:
    found: datetime = message.ToDatetime(tzinfo=UTC)
    return found


def _times(posting: res.Posting) -> tuple[datetime, datetime]:
    """When a lot expires, and from when on it can be spent."""
    expire = _time(posting.expire_time) if posting.HasField("expire_time") else FOREVER
    available = _time(posting.available_time) if posting.HasField("available_time") else LONG_AGO
    return expire, available


def _bytes(message: Any, field_name: str) -> bytes:
    alone = type(message)()
    value = getattr(message, field_name)
    if isinstance(value, Message):
        getattr(alone, field_name).CopyFrom(value)
    else:
        setattr(alone, field_name, value)
    data: bytes = alone.SerializeToString(deterministic=True)
    return data
