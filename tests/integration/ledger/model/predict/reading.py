"""What is read: balances, statements, transactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guerdon.ledger.v1 import explain_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import FOREVER, stamp
from tests.integration.ledger.model.predict.holding import Holds
from tests.integration.ledger.model.predict.records import EXPIRY, REVERSAL


@dataclass
class Readings(Holds):
    """Predicts what readers see."""

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

    def accounts(self, kind: int = 0, state: int = 0) -> list[res.Account]:
        """The accounts of this kind and in this state, by name."""
        found = []
        for name in sorted([*self.members, *self.system]):
            member = self.members.get(name)
            account = res.Account(
                name=name,
                unit=f"{self.program}/units/points",
                kind=_kind(name) if member is None else res.ACCOUNT_KIND_MEMBER,
                state=res.ACCOUNT_STATE_OPEN if member is None else member.state,  # type: ignore[arg-type]  # an enum's number
                create_time=self.created[name],
                labels=self.labels.get(name, {}),
            )
            if kind in {0, account.kind} and state in {0, account.state}:
                found.append(account)
        return found

    def holds_of(self, name: str, state: int, now: datetime) -> list[res.Hold]:
        """An account's holds in this state, newest first."""
        found = [self.hold(hold, now) for hold in reversed(self.holds) if hold.account == name]
        return [hold for hold in found if state in {0, hold.state}]

    def explained(self, name: str) -> list[explain_pb2.ExplainedLot]:
        """The open lots of an account, oldest first, without what was taken from them."""
        origins = {lot: (of, moved) for of in self.transactions for moved in of.moved for lot in moved.lots}
        found = []
        for lot in sorted(self.members[name].lots.values(), key=lambda lot: lot.number):
            if not lot.open:
                continue
            of, moved = origins[lot.number]
            assert of.record_time is not None
            made = explain_pb2.ExplainedLot(
                transaction=of.name,
                kind=of.kind,  # type: ignore[arg-type]  # an enum's number
                source=moved.source,
                effective_time=stamp(of.effective or of.record_time),
                record_time=stamp(of.record_time),
                amount=lot.amount,
                open=lot.open,
                held=lot.held,
                expire_time=None if lot.expire == FOREVER else stamp(lot.expire),
            )
            found.append(made)
        return found

    def learn_statement(self, name: str, entries: list[res.Entry]) -> None:
        """Takes the names and times of expiries and of what was cancelled from a statement: nobody was answered with
        them.
        """
        for line, entry in zip(self.members[name].lines, entries, strict=True):
            of = self.transactions[line.transaction]
            if not of.name and of.kind in {EXPIRY, REVERSAL}:
                self.learn_name(of, entry.transaction, entry.record_time)

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


def _kind(name: str) -> res.AccountKind.ValueType:
    """A system account's kind, with which its id begins."""
    word = name.rpartition("/")[2].partition(".")[0]
    return res.AccountKind.Value(f"ACCOUNT_KIND_{word.upper()}")
