"""A Hypothesis state machine that drives a running ledger and holds every reply against the auditor's prediction.

The ledger's clock is moved by whole hours, and whatever the machine gives a time to ends in the middle of an hour: so
the time that a run itself takes decides nothing.
"""

from __future__ import annotations

import sys
import time
import traceback

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.contract.ledger.world import MEMBER
from tests.integration.ledger.model.drive.bench import DEVELOPER
from tests.integration.ledger.model.drive.closing import Closing
from tests.integration.ledger.model.drive.holding import Holding
from tests.integration.ledger.model.drive.impossible import Impossible
from tests.integration.ledger.model.drive.limiting import Limiting
from tests.integration.ledger.model.drive.listing import Listing
from tests.integration.ledger.model.drive.moving import Moving
from tests.integration.ledger.model.drive.updating import Updating
from tests.integration.ledger.model.member import Refused
from tests.integration.ledger.model.predict.records import Expected

FRESH_AGAIN_S = 2.0
"""After a fault of the cache a read may be so much behind: within that time the promise holds again by itself."""


class Ledger(Moving, Updating, Holding, Closing, Limiting, Listing, Impossible):
    """One program, from its creation on."""

    # The same request again.

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 200), alter=st.booleans())
    def send_again(self, which: int, alter: bool) -> None:
        method, request, actor = self.sent[which % len(self.sent)]
        again = type(request)()
        again.CopyFrom(request)
        if alter:
            changed = again.transaction if method == "PostTransaction" else again
            if hasattr(changed, "memo") and len(changed.memo) < 200:
                changed.memo += "!"
            elif hasattr(again, "reason"):
                again.reason += "!"
            elif method == "UpdateLots" and again.HasField("move_expiry"):
                again.move_expiry.only_extend = not again.move_expiry.only_extend
            elif method == "PlaceHold":
                again.hold.amount += 1
        if method == "PostTransaction" and actor == DEVELOPER and which % 2:
            self.write_batch([again], omit=False)  # alone or in a batch, it is the same request
        else:
            self.write(method, again, actor)

    # Time, and what may happen to the servers.

    @rule(by=st.integers(1, 30))
    def pass_time(self, by: int) -> None:
        self.bench.time.pass_(hours=by)
        if self.bench.swept:
            self.wait_for_the_sweeper()

    @precondition(lambda self: self.bench.faults)
    @rule(which=st.integers(0, 10))
    def something_happens(self, which: int) -> None:
        fault = list(self.bench.faults)[which % len(self.bench.faults)]
        self.bench.faults[fault]()
        time.sleep(FRESH_AGAIN_S)
        if "kill" in fault:
            self.wait_for_the_sweeper()  # a worker that starts sweeps at once

    @precondition(lambda self: len(self.auditor.members) < 6)
    @rule(again=st.booleans())
    def create_account(self, again: bool) -> None:
        if again:
            name = self.auditor.account("ada")
            account = res.Account(name=name, unit=f"{self.auditor.program}/units/points", kind=MEMBER)
            taken = Refused("ALREADY_EXISTS", "ALREADY_EXISTS", resource=name)
            request = pb.CreateAccountRequest(account=account, request_id=self.new_id())
            self.send("CreateAccount", request, Expected(refusal=taken))
        else:
            self.create(f"m{len(self.auditor.members)}", MEMBER)

    @invariant()
    def every_balance_is_as_predicted(self) -> None:
        """After each step, through any worker."""
        self.compare(self.auditor.members)
        for member in self.auditor.members.values():
            member.check()
        self.bench.steps += 1
        self.sound = True

    def teardown(self) -> None:
        """Every statement at the end, unless something was wrong before: that is told here, because where it does not
        come again Hypothesis says no more than that.
        """
        error = sys.exc_info()[1]
        if isinstance(error, Exception):
            traceback.print_exception(error)
        if self.sound:
            self.all_accounts_together_come_to_nothing()
            for n in range(len(self.auditor.members)):
                self.read_statement(n, 1000)
