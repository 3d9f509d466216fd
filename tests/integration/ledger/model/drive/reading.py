"""Rules that read balances, statements and single things."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from guerdon.ledger.v1 import explain_pb2
from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.connections import insist
from tests.integration.ledger.model.drive.driver import Driver
from tests.integration.ledger.model.drive.strategies import members
from tests.integration.ledger.model.member import Refused
from tests.integration.ledger.model.predict.records import Expected


class Reading(Driver):
    """Statements, transactions, holds, balances, and the sum of everything."""

    @rule(of=members, size=st.sampled_from([0, 1, 3, 1000]))
    def read_statement(self, of: int, size: int) -> None:
        name = self.auditor.account(self.member_id(of))
        entries = self.pages("ListEntries", pb.ListEntriesRequest, "entries", size, parent=name)[::-1]
        self.auditor.learn_statement(name, entries)
        predicted = self.auditor.statement(name)
        assert entries == predicted, f"{entries}\nexpected: {predicted}"
        times = [(entry.record_time.ToNanoseconds(), entry.transaction) for entry in entries]
        assert all(one[0] < two[0] or one[1] == two[1] for one, two in itertools.pairwise(times))

    @precondition(lambda self: self.auditor.names)
    @rule(which=st.integers(0, 30))
    def read_transaction(self, which: int) -> None:
        name = list(self.auditor.names)[-1 - which % len(self.auditor.names)]
        found = self.call("GetTransaction", pb.GetTransactionRequest(name=name)).transaction
        stored = self.auditor.stored(self.auditor.names[name])
        assert found == stored, f"{found}\nexpected: {stored}"

    @precondition(lambda self: self.auditor.holds)
    @rule(which=members)
    def read_hold(self, which: int) -> None:
        found = self.call("GetHold", pb.GetHoldRequest(name=self.hold_name(which))).hold
        hold = next(one for one in self.auditor.holds if one.name == found.name)
        assert found == self.auditor.hold(hold, self.bench.time.now())

    @rule(of=members, full=st.booleans(), ahead=st.integers(-3, 2))
    def read_balance(self, of: int, full: bool, ahead: int) -> None:
        member = self.auditor.members[self.auditor.account(self.member_id(of))]
        wanted = max(0, member.version + ahead)
        view = pb.BALANCE_VIEW_FULL if full else pb.BALANCE_VIEW_BASIC
        request = pb.GetBalanceRequest(name=member.name, min_version=wanted, view=view)
        if wanted > member.version:
            refusal = Refused(
                "FAILED_PRECONDITION",
                "VERSION_NOT_REACHED",
                account=member.name,
                version=member.version,
                min_version=wanted,
            )
            self.send("GetBalance", request, Expected(refusal=refusal))
        else:
            balance = self.auditor.balance(member.name, self.bench.time.now(), full=full)
            self.send("GetBalance", request, Expected(pb.GetBalanceResponse(balance=balance)))

    @rule(of=members, size=st.sampled_from([0, 1, 1000]))
    def explain_balance(self, of: int, size: int) -> None:
        """What was brought and what was taken of each lot, and how a debt came about, add up to the balance."""
        member = self.auditor.members[self.auditor.account(self.member_id(of))]
        first, *more = self._explanation(member.name, size)
        lots = [lot for page in (first, *more) for lot in page.lots]
        assert first.balance == member.balance(self.bench.time.now())
        for lot in lots:
            assert lot.amount + lot.earlier_moved + sum(move.amount for move in lot.moves) == lot.open > 0
            assert all(one.version > two.version for one, two in itertools.pairwise(lot.moves))
            del lot.moves[:]
            lot.ClearField("earlier_moved")
            lot.ClearField("available_time")
        assert first.earlier_debt + sum(move.amount for move in first.debt_moves) == member.debt
        assert sum(lot.open for lot in lots) - member.debt == member.posted
        predicted = self.auditor.explained(member.name)
        assert lots == predicted, f"{lots}\nexpected: {predicted}"

    def _explanation(self, name: str, size: int) -> list[explain_pb2.ExplainBalanceResponse]:
        request = explain_pb2.ExplainBalanceRequest(name=name, page_size=size)
        pages = [self.call("ExplainBalance", request)]
        while pages[-1].next_page_token:
            request.page_token = pages[-1].next_page_token
            pages.append(self.call("ExplainBalance", request))
            assert pages[-1].balance == pages[0].balance
            assert len(pages[-1].lots) <= (size or 50)
        return pages

    @rule()
    def watch_balances(self) -> None:
        """A watcher of all members, who knows their versions, is told of all of them first."""
        members = self.auditor.members.values()
        watched = [pb.WatchedAccount(name=member.name, min_version=member.version) for member in members]
        request = pb.WatchBalancesRequest(parent=self.auditor.program, accounts=watched)
        connection = next(self.ways)

        async def first() -> list[res.Balance]:
            watching = connection.ledger.WatchBalances(request)
            try:
                return list((await anext(aiter(watching))).balances)
            finally:
                watching.cancel()

        told = self.bench.run(insist(first))
        now = self.bench.time.now()
        assert {one.account: one for one in told} == {one.name: one.balance(now) for one in members}
        assert len(told) == len(members)

    def compare(self, accounts: Iterable[str]) -> int:
        """Reads these accounts together, and answers what they come to."""
        names = list(accounts)
        found = self.call("BatchGetBalances", pb.BatchGetBalancesRequest(parent=self.auditor.program, names=names))
        now = self.bench.time.now()
        for balance in found.balances:
            expected = self.auditor.balance(balance.account, now)
            assert balance == expected, f"{balance}\nexpected: {expected}"
        assert [balance.account for balance in found.balances] == names
        return sum(balance.posted for balance in found.balances)

    @rule()
    def all_accounts_together_come_to_nothing(self) -> None:
        assert self.compare([*self.auditor.members, *self.auditor.system]) == 0
