"""A partner's way through a coalition: which state it is in, what moves it on, and what each lets it do.

    DRAFT → SANDBOX → LIVE → LEAVING → LEFT
      SANDBOX, LIVE, LEAVING ⇄ SUSPENDED
      DRAFT, SANDBOX → LEFT at once: nobody was promised notice

LEAVING is a time of notice in which its members can still turn its points into others', and nobody gets more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from partner_exchange.domain.errors import NoticeNotOver, WrongPartnerState

_READ = frozenset(
    {
        "exchange.rates.read",
        "exchange.exchanges.read",
        "exchange.statements.read",
        "exchange.limits.read",
        "exchange.disputes.read",
        "exchange.events.read",
        "exchange.webhooks.read",
        "exchange.links.read",
    }
)
_HEARD = _READ | {"exchange.disputes.write"}
"""Whoever is in the coalition is heard, also in a dispute about why it was suspended."""
_EXCHANGE = _HEARD | {
    "exchange.quotes.write",
    "exchange.exchanges.write",
    "exchange.webhooks.write",
    "exchange.links.write",
}


class PartnerState(Enum):
    """What a partner may do."""

    DRAFT = "DRAFT"
    SANDBOX = "SANDBOX"
    LIVE = "LIVE"
    SUSPENDED = "SUSPENDED"
    LEAVING = "LEAVING"
    LEFT = "LEFT"

    @property
    def scopes(self) -> frozenset[str]:
        """What the partner's own tokens may do, whatever they claim."""
        return _SCOPES[self]


_SCOPES = {
    PartnerState.DRAFT: frozenset[str](),
    PartnerState.SANDBOX: _EXCHANGE,
    PartnerState.LIVE: _EXCHANGE,
    PartnerState.SUSPENDED: _HEARD,
    PartnerState.LEAVING: _EXCHANGE,
    PartnerState.LEFT: frozenset[str](),
}


class Move(Enum):
    """What the operator does with a partner; the value is what is told of it."""

    START_SANDBOX = "partner_sandbox_started"
    LAUNCH = "partner_launched"
    SUSPEND = "partner_suspended"
    RESUME = "partner_resumed"
    BEGIN_LEAVE = "partner_leaving"
    COMPLETE_LEAVE = "partner_left"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partner is on its way."""

    state: PartnerState
    resumed: PartnerState | None = None
    """The state that a SUSPENDED one comes back to."""
    leave_time: datetime | None = None
    """When the notice of one that leaves is over."""


_Place = tuple[PartnerState, PartnerState | None]
"""A state, and what a SUSPENDED one comes back to."""

_DRAFT: _Place = (PartnerState.DRAFT, None)
_SANDBOX: _Place = (PartnerState.SANDBOX, None)
_LIVE: _Place = (PartnerState.LIVE, None)
_LEAVING: _Place = (PartnerState.LEAVING, None)
_LEFT: _Place = (PartnerState.LEFT, None)
_HELD_SANDBOX: _Place = (PartnerState.SUSPENDED, PartnerState.SANDBOX)
_HELD_LIVE: _Place = (PartnerState.SUSPENDED, PartnerState.LIVE)
_HELD_LEAVING: _Place = (PartnerState.SUSPENDED, PartnerState.LEAVING)

# Where each move leads, by where it begins; to where it leads it may be made again, and changes nothing.
_WAYS: dict[Move, dict[_Place, _Place]] = {
    Move.START_SANDBOX: {_DRAFT: _SANDBOX},
    Move.LAUNCH: {_SANDBOX: _LIVE},
    Move.SUSPEND: {_SANDBOX: _HELD_SANDBOX, _LIVE: _HELD_LIVE, _LEAVING: _HELD_LEAVING},
    Move.RESUME: {_HELD_SANDBOX: _SANDBOX, _HELD_LIVE: _LIVE, _HELD_LEAVING: _LEAVING},
    # A suspension stays while its partner gives notice: what was wrong is not mended by leaving.
    Move.BEGIN_LEAVE: {_LIVE: _LEAVING, _HELD_LIVE: _HELD_LEAVING},
    Move.COMPLETE_LEAVE: dict.fromkeys((_DRAFT, _SANDBOX, _HELD_SANDBOX, _LEAVING, _HELD_LEAVING), _LEFT),
}


def moved(standing: Standing, move: Move, now: datetime, leave_time: datetime | None = None) -> Standing:
    """Where a move takes a partner; where it is, if the move leads there. `leave_time` is of a BEGIN_LEAVE.

    Raises:
        WrongPartnerState: the move does not begin in its state.
        NoticeNotOver: it may be LEFT later.
    """
    here = (standing.state, standing.resumed)
    ways = _WAYS[move]
    if here in ways.values():
        return standing
    if here not in ways:
        raise WrongPartnerState(state=standing.state.value, move=move.name)
    if move is Move.COMPLETE_LEAVE and standing.leave_time is not None and now < standing.leave_time:
        raise NoticeNotOver(leave_time=standing.leave_time.isoformat())
    return Standing(*ways[here], leave_time if move is Move.BEGIN_LEAVE else standing.leave_time)
