"""Credit limits: SetCreditLimit, what it refuses from then on, and what it leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from guerdon.ledger.v1 import limits_pb2
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import Member, Refused
from tests.integration.ledger.model.predict.reading import Readings
from tests.integration.ledger.model.predict.records import Expected


@dataclass
class Limits(Readings):
    """Predicts what credit limits allow, and what readers see of them."""

    limits: dict[str, int] = field(default_factory=dict)
    """By account; those without one are not there."""
    limit_changes: dict[str, list[limits_pb2.CreditLimitChange]] = field(default_factory=dict)
    """By account, newest first."""

    def set_limit(self, request: Any, _now: datetime) -> Expected:
        return self.once("limit", request, lambda: self._set_limit(request))

    def _set_limit(self, request: limits_pb2.SetCreditLimitRequest) -> Expected:
        change = limits_pb2.CreditLimitChange(actor=self.actor, reason=request.reason)
        self.limits.pop(request.name, None)
        if request.HasField("credit_limit"):
            self.limits[request.name] = change.credit_limit = request.credit_limit
            change.available = request.credit_limit + self.system[request.name]
        self.limit_changes.setdefault(request.name, []).insert(0, change)
        reply = limits_pb2.SetCreditLimitResponse(change=change)

        def learn(expected: Any, actual: Any) -> None:
            for one in (change, expected.change):
                one.record_time.CopyFrom(actual.change.record_time)

        return Expected(reply, learn=learn)

    def under_lock(self, touched: list[Member], now: datetime, decide: Callable[[], Any]) -> Any:
        """A decision moves a limited account within its limit, or not at all."""

        def within() -> Any:
            before = dict(self.system)
            decided = decide()
            for name, limit in self.limits.items():
                taken = before[name] - self.system[name]
                left = limit + before[name]
                if taken > max(0, left):
                    # It may pass once the limit was raised: it is not kept.
                    metadata = {"credit_limit": limit, "required": taken, "available": left}
                    raise Refused("FAILED_PRECONDITION", "BUDGET_EXHAUSTED", account=name, **metadata)
            return decided

        return super().under_lock(touched, now, within)

    def accounts(self, kind: int = 0, state: int = 0) -> list[res.Account]:
        found = super().accounts(kind, state)
        for one in found:
            if one.name in self.limits:
                one.credit_limit = self.limits[one.name]
        return found

    def balance(self, name: str, now: datetime, *, full: bool = False) -> res.Balance:
        found = super().balance(name, now, full=full)
        if name in self.limits:
            found.available = self.limits[name] + found.posted
        return found
