"""Which kinds of transaction a caller may post, and which it may undo or approve."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ledger.domain.errors import AccountNotFor, KindNotAllowed, SpansPrograms
from ledger.domain.model import OUTGOING, Account, AccountKind, Kind, Program

EXCHANGER = "partner_exchange"
"""The one service whose transactions may span programs."""

CATALOG = "rewards_catalog"
"""The one service whose adjustments only give."""

RECOGNITION = "recognition"
"""The one service that returns to a budget what a member has."""

BY_SERVICE: Mapping[str, frozenset[Kind]] = {
    "membership": frozenset({Kind.EARN, Kind.ADJUSTMENT, Kind.MERGE}),
    CATALOG: frozenset({Kind.SPEND, Kind.ADJUSTMENT, Kind.GRANT}),
    EXCHANGER: frozenset({Kind.EXCHANGE}),
    RECOGNITION: frozenset({Kind.GRANT, Kind.RECOGNITION, Kind.FUND}),
}
"""What Guerdon's own services may post."""
RESOLVED_BY_SERVICE = {**BY_SERVICE, CATALOG: frozenset({Kind.SPEND})}
"""What they may reverse, cancel or approve: grants are recognition's too, and adjustments are for people to decide."""
BY_OTHERS = frozenset(
    {Kind.EARN, Kind.SPEND, Kind.GRANT, Kind.RECOGNITION, Kind.TRANSFER, Kind.MERGE, Kind.FUND, Kind.ADJUSTMENT}
)
"""What every other caller may post."""

DIRECTED = frozenset({Kind.ADJUSTMENT, Kind.FUND})
"""The kinds by which points may leave members for some callers only: see `require_direction`."""


def require_kind(kind: Kind, service: str | None, by_service: Mapping[str, frozenset[Kind]] = BY_SERVICE) -> None:
    """Raises KindNotAllowed where the caller may not post this kind."""
    allowed = BY_OTHERS if service is None else by_service.get(service, frozenset())
    if kind not in allowed:
        raise KindNotAllowed(kind=kind.name)


def require_resolvable(kind: Kind, service: str | None) -> None:
    """Raises KindNotAllowed where the caller may not reverse, cancel or approve what is of this kind."""
    require_kind(kind, service, RESOLVED_BY_SERVICE)


def require_direction(kind: Kind, sources: Collection[AccountKind], service: str | None) -> None:
    """Raises KindNotAllowed where the caller may not take members' points by a kind of `DIRECTED`: the catalog's
    adjustments give goodwill, and only recognition returns points to a budget.
    """
    refused = service == CATALOG if kind is Kind.ADJUSTMENT else service != RECOGNITION
    if refused and AccountKind.MEMBER in sources:
        raise KindNotAllowed(kind=kind.name)


def require_outgoing(source: Account, kind: Kind) -> None:
    """Raises AccountNotFor where the account is for other kinds only."""
    if source.outgoing and kind in OUTGOING and kind not in source.outgoing:
        allowed = ", ".join(sorted(one.name for one in source.outgoing))
        raise AccountNotFor(account=source.name, kind=kind.name, allowed=allowed)


def require_program(program: Program, owner: Program, kind: Kind) -> None:
    """Raises SpansPrograms where a transaction touches an account outside its owner, and may not."""
    if kind is not Kind.EXCHANGE and program != owner:
        raise SpansPrograms
