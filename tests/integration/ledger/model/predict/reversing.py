"""ReverseTransaction: what comes back, by the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import Refused, refused
from tests.integration.ledger.model.predict.program import Program
from tests.integration.ledger.model.predict.records import (
    EARNS,
    EXCHANGE,
    EXCHANGER,
    FINAL,
    REVERSAL,
    SPENDS,
    Expected,
    Moved,
    Transaction,
)


@contextmanager
def all_or_nothing_undone(originals: Iterable[Transaction]) -> Iterator[None]:
    """What a refusal leaves of these transactions is as it was, whichever posting of theirs it came to."""
    before = [(moved, moved.undone, dict(moved.restored)) for one in originals for moved in one.moved]
    try:
        yield
    except Refused:
        for moved, undone, restored in before:
            moved.undone, moved.restored = undone, restored
        raise


@dataclass
class Reversals(Program):
    """Predicts what reversing does."""

    def reverse(self, request: pb.ReverseTransactionRequest, now: datetime) -> Expected:
        return self.once("reverse", request, lambda: self._reverse(request, now))

    def _reverse(self, request: pb.ReverseTransactionRequest, now: datetime) -> Expected:
        original = self.transactions[self.names[request.name]]
        if original.kind not in FINAL and (original.kind == EXCHANGE) != (self.actor == EXCHANGER):
            kind = res.TransactionKind.Name(original.kind).removeprefix("TRANSACTION_KIND_")  # type: ignore[arg-type]  # an enum's number
            raise Refused("PERMISSION_DENIED", "KIND_NOT_ALLOWED", kind=kind)
        touched = self.members_among((moved.source, moved.destination) for moved in original.moved)
        with all_or_nothing_undone([original]):
            made = self.under_lock(touched, now, lambda: self.undo(request, original, now))
        amount = sum(moved.amount for moved in made.moved)
        balances = [member.balance(now) for member in touched]
        reply = pb.ReverseTransactionResponse(balances=balances, reversed_amount=amount)
        return Expected(reply, learn=lambda expected, actual: self.learn(expected, actual, made, touched))

    def undo(self, request: pb.ReverseTransactionRequest, original: Transaction, now: datetime) -> Transaction:
        name = request.name
        if original.kind in FINAL:
            raise refused("NOT_REVERSIBLE", transaction=name, kind=FINAL[original.kind])
        left = self._left(request, original)
        for moved in original.moved:
            for member in self.members_among([(moved.destination, moved.source)]):
                member.require_state("reverse")
        number = len(self.transactions)
        made = Transaction(REVERSAL, [], None, request.memo, self.names[name])
        self.transactions.append(made)
        for moved, wanted in zip(original.moved, left, strict=True):
            back = self._undo_posting(original.kind, moved, wanted, request.policy, now)
            if back is not None:
                made.moved.append(back)
                self.book(number, back)
        if not made.moved:
            self.transactions.pop()
            return made
        for member in self.members_among((moved.source, "") for moved in original.moved):
            self.expire(member, now)
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
