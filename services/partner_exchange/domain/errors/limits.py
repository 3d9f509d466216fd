"""What limits, caps and paused corridors refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class CorridorPaused(DomainError):
    """The operator has paused exchanges from the one partner to the other."""

    reason = "CORRIDOR_PAUSED"
    status = Status.FAILED_PRECONDITION
    message = "Exchanges from {sender} to {receiver} are paused since {pause_time}: {why}"


class DailyLimit(DomainError):
    """With this exchange more would be sent in a day than the operator allows the member, the pair or the partner."""

    reason = "DAILY_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = (
        "{used} of {limit} {measure} of the {scope} are used up today, this needs {requested}; "
        "the next day begins at {reset_time}."
    )


class BonusCapReached(DomainError):
    """Other exchanges of the member had of the pair's bonus what the quote promises: make a new quote, with what is
    left of it.
    """

    reason = "BONUS_CAP_REACHED"
    status = Status.RESOURCE_EXHAUSTED
    message = (
        "{used} of {limit} bonus points are used up, this quote has {requested}; make a new quote, or wait until "
        "{reset_time}."
    )


class MonthlyLimit(DomainError):
    """With this exchange more would be sent in a month than the operator allows the member, the pair or the partner."""

    reason = "MONTHLY_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = (
        "{used} of {limit} {measure} of the {scope} are used up this month, this needs {requested}; "
        "the next month begins at {reset_time}."
    )


class VelocityLimit(DomainError):
    """The member has exchanged too often in a short time."""

    reason = "VELOCITY_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{used} of {limit} exchanges in {within_minutes} minutes are used; the next may be made at {reset_time}."


class NetDebitCap(DomainError):
    """The sending partner, or who funds a promotion, would owe more than its net debit cap, or than its collateral
    covers. In minor units.
    """

    reason = "NET_DEBIT_CAP"
    status = Status.RESOURCE_EXHAUSTED
    message = "{partner} may owe {cap}, owes {used} until windows are settled, and this needs {requested}."
