"""What is refused of partners, and of what their states let them do."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PartnerSuspended(DomainError):
    """One side of the exchange is suspended. It may not be when the same request is sent again."""

    reason = "PARTNER_SUSPENDED"
    status = Status.FAILED_PRECONDITION
    message = "{partner} is suspended: nothing is exchanged with it."


class PartnerNotLive(DomainError):
    """One side of the exchange has not begun to exchange, or has left the coalition: nothing is exchanged with it, nor
    taken back or disputed.
    """

    reason = "PARTNER_NOT_LIVE"
    status = Status.FAILED_PRECONDITION
    message = "{partner} is {state}: nothing is exchanged with it."


class SandboxOnly(DomainError):
    """One side of the exchange only tries: it exchanges with others that do."""

    reason = "SANDBOX_ONLY"
    status = Status.FAILED_PRECONDITION
    message = "Of {sender} and {receiver} one is in the sandbox, and exchanges only with partners that are, too."


class PartnerLeaving(DomainError):
    """A partner that leaves gives out no more points; its own are sent until its notice is over."""

    reason = "PARTNER_LEAVING"
    status = Status.FAILED_PRECONDITION
    message = "{partner} leaves the coalition: its points can be sent until {leave_time}, and none are received."


class WrongPartnerState(DomainError):
    """The partner is not in a state from which this leads on."""

    reason = "WRONG_PARTNER_STATE"
    status = Status.FAILED_PRECONDITION
    message = "{move} does not begin in {state}."


class NoticeNotOver(DomainError):
    """The partner is leaving, and its members have time left."""

    reason = "NOTICE_NOT_OVER"
    status = Status.FAILED_PRECONDITION
    message = "The notice is over at {leave_time}."


class PartnerNotCleared(DomainError):
    """Something of the partner is still open: exchanges or reversals under way, disputes, windows that are not settled,
    or collateral that is to be given back.
    """

    reason = "PARTNER_NOT_CLEARED"
    status = Status.FAILED_PRECONDITION
    message = (
        "{partner} has {exchanges} exchanges and {reversals} reversals under way, {disputes} disputes that are not "
        "decided, entries in {windows} windows that are not settled, owes {owed} minor units (less than none: is "
        "owed), and has collateral of {collateral}."
    )


class ProgramTaken(DomainError):
    """A program has one partner in a coalition: with two it could be sent from by another brand."""

    reason = "PROGRAM_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{program} has a partner in this coalition already."


class TooManyKeys(DomainError):
    """Two keys of the partner are active. Retire one, then send the same request again."""

    reason = "TOO_MANY_KEYS"
    status = Status.FAILED_PRECONDITION
    message = "{partner} has {active} active keys; retire one first."


class CursorExpired(DomainError):
    """What followed the cursor may not be kept any more: begin with an empty one, and read what is."""

    reason = "CURSOR_EXPIRED"
    status = Status.OUT_OF_RANGE
    message = "The cursor is older than {days} days, for which events are kept; begin with an empty one."
