"""Rules about credit limits."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from guerdon.ledger.v1 import limits_pb2
from tests.contract.ledger.world import GRANT
from tests.integration.ledger.model.drive.driver import SYSTEM
from tests.integration.ledger.model.drive.reading import Reading
from tests.integration.ledger.model.drive.strategies import amounts, members

limited = st.sampled_from(["budget", "budget", "exchange"])
limits = st.sampled_from([0, 50, 200, 1000])


class Limiting(Reading):
    """Limits are set, raised, lowered and lifted; what a limited budget gives comes back when it expires."""

    @rule(of=limited, credit_limit=limits, lifted=st.sampled_from([False, False, False, True]))
    def limit(self, of: str, credit_limit: int, lifted: bool) -> None:
        request = limits_pb2.SetCreditLimitRequest(
            name=self.auditor.account(SYSTEM[of]), reason="A new year", request_id=self.new_id()
        )
        if not lifted:
            request.credit_limit = credit_limit
        self.write("SetCreditLimit", request)

    @rule(to=members, amount=amounts, more=amounts, life=st.integers(1, 15))
    def grant_for_some_hours(self, to: int, amount: int, more: int, life: int) -> None:
        shares = ((to, amount), (to + 1, more))
        self.post(GRANT, *(self.posting(SYSTEM["budget"], self.member_id(n), share, life) for n, share in shares))

    @rule(of=limited, size=st.sampled_from([0, 1, 1000]))
    def read_limits(self, of: str, size: int) -> None:
        name = self.auditor.account(SYSTEM[of])
        self.compare([name])
        told = self.pages(
            "ListCreditLimitChanges", limits_pb2.ListCreditLimitChangesRequest, "changes", size, parent=name
        )
        assert told == self.auditor.limit_changes.get(name, [])
