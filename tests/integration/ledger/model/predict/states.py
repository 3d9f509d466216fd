"""States of accounts: frozen, open again, closed; and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import refused
from tests.integration.ledger.model.predict.program import Program, time_of
from tests.integration.ledger.model.predict.records import Expected

STATES: dict[str, tuple[Any, int]] = {
    "FreezeAccount": (pb.FreezeAccountResponse, res.ACCOUNT_STATE_FROZEN),
    "UnfreezeAccount": (pb.UnfreezeAccountResponse, res.ACCOUNT_STATE_OPEN),
    "CloseAccount": (pb.CloseAccountResponse, res.ACCOUNT_STATE_CLOSED),
}


@dataclass
class States(Program):
    """Predicts what a change of state does."""

    def label(self, request: pb.UpdateAccountLabelsRequest, _now: datetime) -> Expected:
        return self.once("label", request, lambda: self._label(request))

    def _label(self, request: pb.UpdateAccountLabelsRequest) -> Expected:
        self.labels[request.name] = dict(request.labels)
        return Expected(pb.UpdateAccountLabelsResponse(labels=request.labels))

    def change_state(self, method: str, request: Any, now: datetime) -> Expected:
        """FreezeAccount, UnfreezeAccount or CloseAccount."""
        return self.once(method, request, lambda: self._change_state(method, request, now))

    def _change_state(self, method: str, request: Any, now: datetime) -> Expected:
        member = self.members[request.name]
        reply, state = STATES[method]

        def decide() -> None:
            member.require_state(method)
            if method == "CloseAccount" and (member.posted or member.debt):
                has = member.balance(now)
                raise refused(
                    "ACCOUNT_NOT_EMPTY",
                    account=member.name,
                    posted=has.posted,
                    held=has.held,
                    pending=has.pending,
                    debt=has.debt,
                )
            member.state = state
            member.version += 1

        self.under_lock([member], now, decide)

        def learn(expected: Any, actual: Any) -> None:
            expected.record_time.CopyFrom(actual.record_time)
            assert time_of(actual.record_time) > member.record_time
            member.record_time = time_of(actual.record_time)

        return Expected(reply(balance=member.balance(now)), learn=learn)
