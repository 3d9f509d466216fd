"""Which kinds of transaction a caller may post."""

from __future__ import annotations

from ledger.domain.errors import KindNotAllowed, SpansPrograms
from ledger.domain.model import Kind, Program

EXCHANGER = "partner_exchange"
"""The one service whose transactions may span programs."""

BY_SERVICE: dict[str, frozenset[Kind]] = {
    "membership": frozenset({Kind.EARN, Kind.ADJUSTMENT, Kind.MERGE}),
    "rewards_catalog": frozenset({Kind.SPEND, Kind.ADJUSTMENT, Kind.GRANT}),
    EXCHANGER: frozenset({Kind.EXCHANGE}),
    "recognition": frozenset({Kind.GRANT, Kind.RECOGNITION, Kind.FUND}),
}
"""What Guerdon's own services may post."""
BY_OTHERS = frozenset(
    {Kind.EARN, Kind.SPEND, Kind.GRANT, Kind.RECOGNITION, Kind.TRANSFER, Kind.MERGE, Kind.FUND, Kind.ADJUSTMENT}
)
"""What every other caller may post."""


def require_kind(kind: Kind, service: str | None) -> None:
    """Raises KindNotAllowed where the caller may not post this kind."""
    allowed = BY_OTHERS if service is None else BY_SERVICE.get(service, frozenset())
    if kind not in allowed:
        raise KindNotAllowed(kind=kind.name)


def require_program(program: Program, owner: Program, kind: Kind) -> None:
    """Raises SpansPrograms where a transaction touches an account outside its owner, and may not."""
    if kind is not Kind.EXCHANGE and program != owner:
        raise SpansPrograms
