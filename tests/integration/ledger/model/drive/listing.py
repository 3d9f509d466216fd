"""Rules that read whole lists, page after page, and hold them against all that the auditor knows."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.drive.reading import Reading
from tests.integration.ledger.model.drive.strategies import members

sizes = st.sampled_from([0, 2, 7, 1000])


class Listing(Reading):
    """What is listed is all there is, and each of it once."""

    @rule(size=sizes, kind=st.sampled_from([0, 0, *res.AccountKind.values()]), state=st.integers(0, 3))
    def list_accounts(self, size: int, kind: int, state: int) -> None:
        if not self.auditor.created.keys() >= self.auditor.system.keys():
            self._learn_system_accounts()
        found = self.pages("ListAccounts", pb.ListAccountsRequest, "accounts", size, kind=kind, state=state)
        assert found == self.auditor.accounts(kind, state)

    def _learn_system_accounts(self) -> None:
        for name in self.auditor.system:
            account = self.call("GetAccount", pb.GetAccountRequest(name=name)).account
            assert self.auditor.created.setdefault(name, account.create_time) == account.create_time

    @rule(of=members, size=sizes, state=st.integers(0, 4))
    def list_holds(self, of: int, size: int, state: int) -> None:
        name = self.auditor.account(self.member_id(of))
        found = self.pages("ListHolds", pb.ListHoldsRequest, "holds", size, parent=name, state=state)
        assert found == self.auditor.holds_of(name, state, self.bench.time.now())

    @rule(size=sizes)
    def list_transactions(self, size: int) -> None:
        """Of those that the sweeper booked, only their order is not known."""
        for number in range(len(self.auditor.members)):
            self.read_statement(number, 1000)
        found = self.pages("ListTransactions", pb.ListTransactionsRequest, "transactions", size)
        stored = [self.auditor.stored(number) for number in range(len(self.auditor.transactions))]
        assert sorted(found, key=_number) == sorted(stored, key=_number)
        assert [_number(one) for one in found] == sorted(map(_number, found), reverse=True)


def _number(transaction: res.Transaction) -> int:
    return int(transaction.name.rpartition("/")[2])
