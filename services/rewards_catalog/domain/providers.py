"""Fulfilment providers: who issues what a program does not hand over itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from guerdon_kit.errors import FieldViolation

MAX_ORDERS = 1_000
USUAL_ORDERS = 20
OVERLAP = timedelta(hours=24)
"""How long the secret before signs beside a new one."""


class ProviderKind(StrEnum):
    """How a provider is asked."""

    HTTP = "HTTP"
    SANDBOX = "SANDBOX"


@dataclass(frozen=True, slots=True)
class Provider:
    """Who issues the rewards that name it; `url` is where an HTTP one is asked, and empty for a sandbox."""

    program: str
    id: str
    kind: ProviderKind
    url: str
    max_orders: int
    """How many orders each process may have under way to it."""
    create_time: datetime
    secret_create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.program}/providers/{self.id}"


def violations(provider: Provider, *, url_ok: bool) -> Iterator[FieldViolation]:
    """Every bound that is broken; `url_ok` is what the egress guard says of its address."""
    if provider.kind is ProviderKind.SANDBOX and provider.url:
        yield FieldViolation("provider.url", "must be empty for a sandbox")
    if provider.kind is ProviderKind.HTTP and not url_ok:
        yield FieldViolation("provider.url", "must be a public https address of at most 500 characters")
    if not 1 <= provider.max_orders <= MAX_ORDERS:
        yield FieldViolation("provider.max_orders", f"must be between 0 and {MAX_ORDERS:,}")
