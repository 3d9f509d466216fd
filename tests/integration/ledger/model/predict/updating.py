"""UpdateLots: lots are given another expiry, and pending ones are activated or cancelled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.integration.ledger.model.member import FOREVER, Lot, Member, Refused, invalid, refused
from tests.integration.ledger.model.predict.program import time_of
from tests.integration.ledger.model.predict.records import EXCHANGE, FINAL, Expected, Transaction
from tests.integration.ledger.model.predict.reversing import Reversals, all_or_nothing_undone


@dataclass
class Updates(Reversals):
    """Predicts what a change of lots does."""

    def update(self, request: pb.UpdateLotsRequest, now: datetime) -> Expected:
        return self.once("update", request, lambda: self._update(request, now))

    def _update(self, request: pb.UpdateLotsRequest, now: datetime) -> Expected:
        member = self.members[request.account]
        cancel = request.HasField("cancel")
        if cancel and not request.transactions:
            raise invalid("transactions")
        originals = [self.transactions[self.names[name]] for name in request.transactions]
        for index, original in enumerate(originals):
            if all(moved.destination != member.name for moved in original.moved):
                raise invalid(f"transactions[{index}]")
        if cancel:
            for original in originals:
                if original.kind in FINAL or original.kind == EXCHANGE:
                    kind = FINAL.get(original.kind, "EXCHANGE")
                    raise Refused("FAILED_PRECONDITION", "NOT_REVERSIBLE", transaction=original.name, kind=kind)
        of_all = originals if cancel else []
        sides = [(moved.source, "") for one in of_all for moved in one.moved]
        sides += [(moved.destination, "") for one in of_all for moved in one.moved]
        touched = self.members_among([*sides, (member.name, "")])

        def decide() -> int:
            member.require_state("update")
            made = [lot for one in originals for moved in one.moved for lot in moved.lots]
            lots = [
                lot
                for lot in sorted(member.lots.values(), key=lambda lot: (lot.expire, lot.number))
                if lot.open and lot.expire > now and (not originals or lot.number in made)
            ]
            pending = [lot for lot in lots if lot.available > now]
            if cancel:
                return self._cancel(member, originals, pending, now)
            if request.HasField("activate"):
                return self._activate(member, pending, now)
            return self._move(request.move_expiry, member, lots, now)

        amount = self.under_lock(touched, now, decide)
        reply = pb.UpdateLotsResponse(amount=amount, balances=[one.balance(now) for one in touched])
        return Expected(reply, learn=lambda expected, actual: self.learn_time(expected, actual, touched))

    @staticmethod
    def _move(change: pb.MoveExpiry, member: Member, lots: list[Lot], now: datetime) -> int:
        to = time_of(change.expire_time) if change.HasField("expire_time") else FOREVER
        if to <= now:
            raise refused("EXPIRY_PASSED", expire_time=to.isoformat())
        moved = [lot for lot in lots if lot.expire < to or (lot.expire > to and not change.only_extend)]
        for lot in moved:
            if now < lot.available < FOREVER and to <= lot.available:
                raise refused(
                    "EXPIRY_BEFORE_AVAILABLE",
                    account=member.name,
                    available_time=lot.available.isoformat(),
                    expire_time=to.isoformat(),
                )
        for lot in moved:
            lot.expire = to
        member.version += 1 if moved else 0
        return sum(lot.open for lot in moved)

    @staticmethod
    def _activate(member: Member, pending: list[Lot], now: datetime) -> int:
        amount = sum(lot.open for lot in pending)
        for lot in pending:
            lot.available = now
        member.pay_debt([lot.number for lot in pending], now)
        member.version += 1 if pending else 0
        return amount

    def _cancel(self, member: Member, originals: list[Transaction], pending: list[Lot], now: datetime) -> int:
        """Each transaction is reversed as far as its lots are pending: all of them, or none."""
        waiting = {lot.number: lot.open for lot in pending}
        total = 0
        with all_or_nothing_undone(originals):
            for original in originals:
                own = [moved for moved in original.moved if moved.destination == member.name]
                amount = sum(waiting.get(lot, 0) for moved in own for lot in moved.lots)
                if amount:
                    policy = pb.CLAWBACK_POLICY_ONLY_UNSPENT
                    request = pb.ReverseTransactionRequest(name=original.name, amount=amount, policy=policy)
                    self.undo(request, original, now)
                    total += amount
        return total
