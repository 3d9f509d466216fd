"""PostTransaction: what moves, and the lots that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import FOREVER, LONG_AGO, Lot, Member, Parts, Refused, invalid, refused
from tests.integration.ledger.model.predict.program import Program, time_of
from tests.integration.ledger.model.predict.records import (
    ADJUSTMENT,
    EARNS,
    MERGE,
    MOVES,
    SPENDS,
    Expected,
    Moved,
    Transaction,
)


@dataclass
class Postings(Program):
    """Predicts what posting does."""

    def post(self, request: Any, now: datetime) -> Expected:
        """A PostTransaction, or an item of a batch: the same request."""
        item = pb.PostTransactionItem(transaction=request.transaction, request_id=request.request_id)
        return self.once("post", item, lambda: self._post(request.transaction, now))

    def require_well_formed(self, message: res.Transaction, now: datetime) -> None:
        """Raises Refused for what cannot be posted whatever the state of the accounts."""
        for index, posting in enumerate(message.postings):
            for side in (posting.source, posting.destination):
                if side not in self.members and side not in self.system:
                    raise Refused("NOT_FOUND", "NOT_FOUND", resource=side)
            expire, _ = times_of(posting)
            if posting.HasField("available_time") and time_of(posting.available_time) >= expire:
                raise invalid(f"transaction.postings[{index}].available_time")
            if posting.pending and posting.HasField("available_time"):
                raise invalid(f"transaction.postings[{index}].pending")
            if message.kind in MOVES and posting.HasField("expire_time"):
                raise invalid(f"transaction.postings[{index}]")
            if posting.source == posting.destination:
                raise invalid(f"transaction.postings[{index}].destination")
        if message.HasField("effective_time") and time_of(message.effective_time) > now:
            raise invalid("transaction.effective_time")

    def _post(self, message: res.Transaction, now: datetime) -> Expected:
        self.require_well_formed(message, now)
        touched = self.members_among((p.source, p.destination) for p in message.postings)
        made = self.under_lock(touched, now, lambda: self._apply(message, now))
        reply = pb.PostTransactionResponse(balances=[member.balance(now) for member in touched])
        return Expected(reply, learn=lambda expected, actual: self.learn(expected, actual, made, touched))

    def _apply(self, message: res.Transaction, now: datetime) -> Transaction:
        effective = self._effective(message)
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
                waiting = message.kind == MERGE and posting.pending
                has = source.waiting(now) if waiting else source.available(now)
                owed = destination.debt if message.kind == MERGE and destination is not None and not waiting else 0
                if has < posting.amount and owed < posting.amount:
                    all_of_it = sum(p.amount for p in message.postings if p.source == source.name)
                    has += before
                    raise refused(
                        "INSUFFICIENT_POINTS",
                        account=source.name,
                        required=all_of_it,
                        available=has,
                        missing=all_of_it - has,
                    )
                if posting.HasField("locked"):
                    source.require_unlocked(posting.amount, posting.locked, now)
                moved.consumed = source.take(posting.amount, now, waiting=waiting)
                indebted = posting.amount - sum(part for _, part in moved.consumed)
                source.debt += indebted
                debits[source.name] = before + posting.amount
                source.spent += posting.amount if message.kind in SPENDS else 0
            if destination is not None:
                destination.require_state("receive")
                if source is not None and message.kind in MOVES and not indebted:
                    moved.lots = self._move_lots(source, moved.consumed, destination, now)
                else:
                    expire, available = times_of(posting)
                    budget = posting.source if "/budget." in posting.source else ""
                    moved.lots = [self._credit(destination, posting.amount, expire, available, budget, now)]
                destination.earned += posting.amount if message.kind in EARNS else 0
            self.book(number, moved)
        return made

    def _effective(self, message: res.Transaction) -> datetime | None:
        """When it happened; None: when it is recorded, which is never in closed books."""
        if not message.HasField("effective_time"):
            return None
        effective, closed = time_of(message.effective_time), self.close_time
        if closed is None or effective >= closed:
            return effective
        if message.if_closed == res.IF_CLOSED_CARRY_FORWARD:
            return closed
        raise Refused(
            "FAILED_PRECONDITION",
            "BOOKS_CLOSED",
            program=self.program,
            close_time=closed.isoformat(),
            effective_time=effective.isoformat(),
        )

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
        """Points that are transferred or merged stay what they are; neighbours that agree in it become one lot."""
        whole: list[tuple[tuple[datetime, datetime, str], int]] = []
        for number, part in taken:
            lot = source.lots[number]
            what = (lot.expire, max(lot.available, now), lot.budget)
            before = whole.pop()[1] if whole and whole[-1][0] == what else 0
            whole.append((what, before + part))
        return [self._credit(to, part, expire, since, budget, now) for (expire, since, budget), part in whole]


def times_of(posting: res.Posting) -> tuple[datetime, datetime]:
    """When a lot expires, and from when on it can be spent."""
    expire = time_of(posting.expire_time) if posting.HasField("expire_time") else FOREVER
    available = time_of(posting.available_time) if posting.HasField("available_time") else LONG_AGO
    return expire, FOREVER if posting.pending else available
