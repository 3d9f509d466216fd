"""What is refused of rewards and of what is left of them."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class RewardNotActive(DomainError):
    """Only an active reward can be redeemed. It may be active when the same request is sent again."""

    reason = "REWARD_NOT_ACTIVE"
    status = Status.FAILED_PRECONDITION
    message = "{reward} cannot be redeemed: it is {state}."


class RewardNotStarted(DomainError):
    """The reward cannot be redeemed yet."""

    reason = "REWARD_NOT_STARTED"
    status = Status.FAILED_PRECONDITION
    message = "{reward} can be redeemed from {start_time} on."


class RewardEnded(DomainError):
    """The reward can be redeemed no more, unless its end is moved."""

    reason = "REWARD_ENDED"
    status = Status.FAILED_PRECONDITION
    message = "{reward} could be redeemed until {end_time}."


class NotInAudience(DomainError):
    """The reward is for members of other tiers or segments than those that the caller named."""

    reason = "NOT_IN_AUDIENCE"
    status = Status.FAILED_PRECONDITION
    message = "{reward} is for members of other tiers or segments."


class RewardChanged(DomainError):
    """The reward is no longer as the member was shown it: its price, say. Show it again, and ask again."""

    reason = "REWARD_CHANGED"
    status = Status.FAILED_PRECONDITION
    message = "{reward} was asked for in version {asked}; its version is {current}."


class RewardStateConflict(DomainError):
    """The reward's state does not allow the change, such as any to an archived one."""

    reason = "REWARD_STATE_CONFLICT"
    status = Status.FAILED_PRECONDITION
    message = "{reward} is {state}, which does not allow this."
    frozen = True


class WrongFulfilment(DomainError):
    """Pieces were added to a reward without a stock, or codes to one without a pool."""

    reason = "WRONG_FULFILMENT"
    status = Status.FAILED_PRECONDITION
    message = "{reward} is fulfilled by {fulfilment}; this needs {needed}."


class StockLimit(DomainError):
    """A stock holds at most 1,000,000,000 pieces. It may have room again when some were redeemed."""

    reason = "STOCK_LIMIT"
    status = Status.FAILED_PRECONDITION
    message = "A stock holds at most {maximum} pieces; this one has {available}."


class CodesTooShort(DomainError):
    """More codes of the length that is set would be too easy to guess. A greater length can be set."""

    reason = "CODES_TOO_SHORT"
    status = Status.FAILED_PRECONDITION
    message = "A pool of {codes} codes is too large for {length} random characters, which are enough for {most}."
