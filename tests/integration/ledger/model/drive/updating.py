"""Rules that change lots."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from guerdon.ledger.v1 import ledger_pb2 as pb
from tests.integration.ledger.model.drive.driver import Driver
from tests.integration.ledger.model.drive.strategies import hours_or_never, members
from tests.integration.ledger.model.member import stamp

chosen = st.lists(st.integers(0, 9), max_size=3, unique=True)
"""Which of the transactions that brought something, from the newest on; none of them: all."""


class Updating(Driver):
    """Lots are given another expiry, pending ones are activated and cancelled."""

    @rule(of=members, which=chosen, life=hours_or_never, only_extend=st.booleans())
    def move_expiry(self, of: int, which: list[int], life: int | None, only_extend: bool) -> None:
        expire_time = None if life is None else stamp(self.half_past(life))
        self._update(of, which, move_expiry=pb.MoveExpiry(expire_time=expire_time, only_extend=only_extend))

    @rule(of=members, which=chosen)
    def activate(self, of: int, which: list[int]) -> None:
        self._update(of, which, activate=pb.ActivateLots())

    @rule(of=members, which=chosen)
    def cancel(self, of: int, which: list[int]) -> None:
        self._update(of, which, cancel=pb.CancelLots())

    @rule(of=members, which=st.integers(0, 30))
    def activate_what_any_transaction_brought(self, of: int, which: int) -> None:
        names = list(self.auditor.names)[-1 - which :][:1]
        self._send_update(of, names, activate=pb.ActivateLots())

    def _update(self, of: int, which: list[int], **change: Any) -> None:
        account = self.auditor.account(self.member_id(of))
        brought = [
            name
            for name, number in self.auditor.names.items()
            if any(moved.destination == account for moved in self.auditor.transactions[number].moved)
        ][::-1]
        self._send_update(of, [brought[n] for n in which if n < len(brought)], **change)

    def _send_update(self, of: int, names: list[str], **change: Any) -> None:
        account = self.auditor.account(self.member_id(of))
        request = pb.UpdateLotsRequest(account=account, transactions=names, request_id=self.new_id(), **change)
        self.write("UpdateLots", request)
