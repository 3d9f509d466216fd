"""Rules of holds, and of accounts' states and labels."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.drive.driver import FIRST_MEMBERS, SYSTEM, Driver
from tests.integration.ledger.model.drive.strategies import amounts, hours, locks, members, words
from tests.integration.ledger.model.member import invalid, stamp
from tests.integration.ledger.model.predict.records import Expected

names = st.sampled_from(["segment", "crm.id"])


class Holding(Driver):
    """Points are set aside, captured, released; accounts are frozen, opened again, closed."""

    @rule(of=members, amount=amounts, life=hours | st.just(24 * 91), purpose=words, lock=locks)
    def place(self, of: int, amount: int, life: int, purpose: str, lock: tuple[int, int | None] | None) -> None:
        until = stamp(self.half_past(life))
        name = self.auditor.account(self.member_id(of))
        hold = res.Hold(account=name, amount=amount, expire_time=until, purpose=purpose)
        hold.MergeFrom(res.Hold(locked=self.locked(name, lock)))
        request = pb.PlaceHoldRequest(parent=self.auditor.program, hold=hold, request_id=self.new_id())
        if life > 24 * 90:
            self.send("PlaceHold", request, Expected(refusal=invalid("hold.expire_time")))
        else:
            self.write("PlaceHold", request)

    @precondition(lambda self: self.auditor.holds)
    @rule(which=members, amount=st.just(0) | amounts, elsewhere=st.booleans(), memo=words)
    def capture(self, which: int, amount: int, elsewhere: bool, memo: str) -> None:
        destination = self.auditor.account(SYSTEM["redemption"]) if elsewhere else ""
        self.write(
            "CaptureHold",
            pb.CaptureHoldRequest(
                name=self.hold_name(which), amount=amount, destination=destination, memo=memo, request_id=self.new_id()
            ),
        )

    @precondition(lambda self: self.auditor.holds)
    @rule(which=members)
    def release(self, which: int) -> None:
        self.write("ReleaseHold", pb.ReleaseHoldRequest(name=self.hold_name(which), request_id=self.new_id()))

    @rule(of=members, method=st.sampled_from(["FreezeAccount", "UnfreezeAccount", "UnfreezeAccount", "CloseAccount"]))
    def change_state(self, of: int, method: str) -> None:
        request_class = getattr(pb, f"{method}Request")
        name = self.auditor.account(self.member_id(of))
        self.write(method, request_class(name=name, request_id=self.new_id()))

    @rule(of=st.sampled_from([*SYSTEM.values(), *FIRST_MEMBERS]), labels=st.dictionaries(names, words, max_size=2))
    def label(self, of: str, labels: dict[str, str]) -> None:
        name = self.auditor.account(of)
        self.write(
            "UpdateAccountLabels", pb.UpdateAccountLabelsRequest(name=name, labels=labels, request_id=self.new_id())
        )
