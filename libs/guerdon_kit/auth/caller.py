"""The caller of one request, and what it may do: its claims within its issuer's ceiling."""

from __future__ import annotations

from dataclasses import dataclass, field


def _covers(patterns: frozenset[str], value: str, separator: str) -> bool:
    """Whether a pattern is the value, or `*`, or ends in a `*` that follows the separator and leads the value."""
    if value in patterns or "*" in patterns:
        return True
    at = value.rfind(separator)
    while at > 0:
        if value[: at + 1] + "*" in patterns:
            return True
        at = value.rfind(separator, 0, at)
    return False


@dataclass(frozen=True, slots=True)
class Grant:
    """Scopes such as `ledger.balances.read` or `ledger.*`, and tenants such as `programs/acme` or `programs/*`."""

    scopes: frozenset[str]
    tenants: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the scope is granted."""
        return _covers(self.scopes, scope, ".")

    def owns(self, tenant: str) -> bool:
        """Whether the tenant, such as `programs/acme`, is granted."""
        return _covers(self.tenants, tenant, "/")


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller.

    `service` is set for Guerdon's own services only; `act` is the original caller on whose behalf a service calls, by
    its issuer and subject.
    """

    issuer: str
    subject: str
    claims: Grant
    ceiling: Grant
    service: str | None = None
    act: str | None = None
    _known: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The identity under which requests are remembered: no other caller has it."""
        return f"service:{self.service}" if self.service else f"{self.issuer}|{self.subject}"

    @property
    def actor(self) -> str:
        """Whom a write is booked to: the caller and, where a service acts for somebody, for whom."""
        return f"{self.name} for {self.act}" if self.act else self.name

    def may(self, scope: str) -> bool:
        """Whether claims and ceiling both grant the scope."""
        return self.claims.may(scope) and self.ceiling.may(scope)

    def owns(self, tenant: str) -> bool:
        """Whether claims and ceiling both grant the tenant."""
        known = self._known.get(tenant)
        if known is None:
            known = self.claims.owns(tenant) and self.ceiling.owns(tenant)
            if len(self._known) < 1000:  # a caller is cached for a minute; its memory stays bounded
                self._known[tenant] = known
        return known
