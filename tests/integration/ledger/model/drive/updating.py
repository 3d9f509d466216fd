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
"""Which transactions: first those that brought something, from the newest on; none of them: all."""


class Updating(Driver):
    """Lots are given another expiry, pending ones are activated and cancelled."""

    @rule(of=members, which=chosen, life=hours_or_never, only_extend=st.booleans())
    def move_expiry(self, of: int, which: list[int], life: int | None, only_extend: bool) -> None:
        expire_time = None if life is None else stamp(self.half_past(life))
        self._update(of, which, move_expiry=pb.MoveExpiry(expire_time=expire_time, only_extend=only_extend))

    @rule(of=members, which=chosen)
    def activate(self, of: int, which: list[int]) -> None:
        self._update(of, which, activate=pb.ActivateLots())

    @rule(of=members, which=chosen.filter(bool) | st.just([]))
    def cancel(self, of: int, which: list[int]) -> None:
        self._update(of, which, cancel=pb.CancelLots())

    def _update(self, of: int, which: list[int], **change: Any) -> None:
        account = self.auditor.account(self.member_id(of))

        def brought_nothing(name: str) -> bool:
            moved = self.auditor.transactions[self.auditor.names[name]].moved
            return all(one.destination != account for one in moved)

        newest = [*reversed(self.auditor.names)]
        known = sorted(newest, key=brought_nothing)
        names = [known[n] for n in which if n < len(known)]
        request = pb.UpdateLotsRequest(account=account, transactions=names, request_id=self.new_id(), **change)
        self.write("UpdateLots", request)
