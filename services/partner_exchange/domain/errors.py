"""What partner exchange refuses, and with which numbers."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.errors import DomainError, Status


class AmountTooSmall(DomainError):
    """The amount is below the pair's minimum, or buys not even one point."""

    reason = "AMOUNT_TOO_SMALL"
    status = Status.FAILED_PRECONDITION
    message = "{send} points convert into nothing; the smallest amount that can be sent is {smallest_send}."


class AboveMaximum(DomainError):
    """The amount is more than one exchange of the pair may move."""

    reason = "AMOUNT_ABOVE_MAXIMUM"
    status = Status.FAILED_PRECONDITION
    message = "One exchange sends at most {maximum} points, and brings at most {receives_at_most}."


class ArbitrageFound(DomainError):
    """The rate book can be played: a sequence of its exchanges ends with more than it began."""

    reason = "ARBITRAGE"
    status = Status.FAILED_PRECONDITION
    message = "The book can be played along {cycle}: {began} points become {ended}; see the amounts."


class ArbitrageAcrossBooks(DomainError):
    """Exchanges by this rate book and by books before it end with more than they began: members could have exchanged
    before and would gain by exchanging back. Lower the rates, or publish the book as a revaluation, by two people.
    """

    reason = "ARBITRAGE_ACROSS_BOOKS"
    status = Status.FAILED_PRECONDITION
    message = "With the books before, {cycle} can be played: {began} points become {ended}; see the amounts and books."


class RateBookSettled(DomainError):
    """The book is no proposal, or was decided on before; or it was never published and cannot be withdrawn."""

    reason = "RATE_BOOK_SETTLED"
    status = Status.FAILED_PRECONDITION
    message = "{rate_book} is {state}."
    frozen = True


class ProposedByYou(DomainError):
    """A second person has to approve what moves rates far: another authenticated subject than proposed it."""

    reason = "PROPOSED_BY_YOU"
    status = Status.FAILED_PRECONDITION
    message = "{rate_book} was proposed by the same person; another one has to approve it."


class RateBookSuperseded(DomainError):
    """Another book was published after this one was proposed. Propose it anew."""

    reason = "RATE_BOOK_SUPERSEDED"
    status = Status.FAILED_PRECONDITION
    message = "{newer} was published after {rate_book} was proposed."
    frozen = True


class RateBooksBusy(DomainError):
    """Books of the coalition were published or withdrawn all the time that this one was being proved."""

    reason = "RATE_BOOKS_BUSY"
    status = Status.UNAVAILABLE
    message = "Other rate books of the coalition came first; send the same request again."
    retry_after = timedelta(seconds=1)


class RateBookWithdrawn(DomainError):
    """The rate book of the quote was withdrawn: its quotes are void."""

    reason = "RATE_BOOK_WITHDRAWN"
    status = Status.FAILED_PRECONDITION
    message = "{rate_book}, which {quote} was made from, was withdrawn at {withdraw_time}."
    frozen = True


class NoRate(DomainError):
    """The book in force has no rate for this pair, or there is no book yet."""

    reason = "NO_RATE"
    status = Status.FAILED_PRECONDITION
    message = "There is no rate from {sender} to {receiver} at that time."


class PartnerSuspended(DomainError):
    """One side of the exchange is suspended. It may not be when the same request is sent again."""

    reason = "PARTNER_SUSPENDED"
    status = Status.FAILED_PRECONDITION
    message = "{partner} is suspended: nothing is exchanged with it."


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


class PartnerNotLive(DomainError):
    """One side of the exchange has not begun to exchange, or has left the coalition."""

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


class QuoteExpired(DomainError):
    """The quote's time is over, or its rate book was replaced."""

    reason = "QUOTE_EXPIRED"
    status = Status.FAILED_PRECONDITION
    message = "{quote} expired at {expire_time}."
    frozen = True


class QuoteUsed(DomainError):
    """The quote was executed by another request."""

    reason = "QUOTE_USED"
    status = Status.FAILED_PRECONDITION
    message = "The quote was executed already: {exchange}."
    frozen = True


class InsufficientPoints(DomainError):
    """The source account had fewer points than the exchange debits. The exchange is ABORTED; make a new quote."""

    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required} points, {available} are available; {missing} are missing."
    frozen = True


class PointsLocked(DomainError):
    """Too many of the points are locked: the purchases that gave them can still come back. The exchange
    is ABORTED; make a new quote.
    """

    reason = "POINTS_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required} points, and of {available} available {locked} are locked; {missing} are missing."
    frozen = True


class ExchangeAborted(DomainError):
    """The ledger refused for another reason, such as an account that does not exist. The exchange is ABORTED."""

    reason = "EXCHANGE_ABORTED"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} was aborted: the ledger refused it ({ledger_reason})."
    frozen = True


class ExchangeInProgress(DomainError):
    """The ledger has not answered yet. The exchange goes on by itself; the same request again tells how it ended."""

    reason = "EXCHANGE_IN_PROGRESS"
    status = Status.UNAVAILABLE
    message = "{exchange} is under way; send the same request again to learn how it ends."
    retry_after = timedelta(seconds=1)


class WebhooksDisabled(DomainError):
    """The partner's webhooks go nowhere: say where to with `SetWebhookEndpoint`."""

    reason = "WEBHOOKS_DISABLED"
    status = Status.FAILED_PRECONDITION
    message = "The webhooks of {partner} are disabled; set an endpoint first."


class ReplayTooLarge(DomainError):
    """More happened since then than one request has sent again. Begin later, or read the events from a stream."""

    reason = "REPLAY_TOO_LARGE"
    status = Status.FAILED_PRECONDITION
    message = "More than {most} events happened since then; begin later, or read them from a stream."


class CursorExpired(DomainError):
    """What followed the cursor may not be kept any more: begin with an empty one, and read what is."""

    reason = "CURSOR_EXPIRED"
    status = Status.OUT_OF_RANGE
    message = "The cursor is older than {days} days, for which events are kept; begin with an empty one."


class WindowStateConflict(DomainError):
    """The settlement window is in a state that does not allow it. Read the window."""

    reason = "WINDOW_STATE_CONFLICT"
    status = Status.FAILED_PRECONDITION
    message = "{window} is {state}."


class SettlementUnderWay(DomainError):
    """Another window of the coalition is being settled: one after another, as the hub's account is zero in between."""

    reason = "SETTLEMENT_UNDER_WAY"
    status = Status.FAILED_PRECONDITION
    message = "{window} is being settled; settle or abort it first."


class SettlementCommitted(DomainError):
    """A participant has committed: the settlement only goes forward."""

    reason = "SETTLEMENT_COMMITTED"
    status = Status.FAILED_PRECONDITION
    message = "The settlement of {window} is committed: it cannot be aborted any more."
    frozen = True


class SettlementMismatch(DomainError):
    """Something does not add up. Nothing goes on by itself: find out what was changed, then settle again or abort."""

    reason = "SETTLEMENT_MISMATCH"
    status = Status.FAILED_PRECONDITION
    message = "{window} is not settled: {mismatch}."


class SettlementRefused(DomainError):
    """The ledger refuses a step, such as for a frozen account. It is asked again by itself."""

    reason = "SETTLEMENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refuses {partner}'s part in {window} ({ledger_reason})."


class InsufficientFunds(DomainError):
    """The partner's settlement account has less than is to be withdrawn."""

    reason = "INSUFFICIENT_FUNDS"
    status = Status.FAILED_PRECONDITION
    message = "This needs {required}, {available} are available; {missing} are missing."
    frozen = True


class ExchangeNotCommitted(DomainError):
    """The exchange has not been committed: there is nothing to take back or to dispute."""

    reason = "EXCHANGE_NOT_COMMITTED"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} is {state}."


class ReversalTooLate(DomainError):
    """The time is over within which the exchange could be taken back without a dispute."""

    reason = "REVERSAL_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} could be taken back until {end_time}."


class OverReversal(DomainError):
    """More is asked back than is left of the exchange."""

    reason = "OVER_REVERSAL"
    status = Status.FAILED_PRECONDITION
    message = "{requested} points of {exchange} are asked back, {remaining} are left."


class RemoteReversal(DomainError):
    """One side of the exchange has a ledger of its own, which takes nothing back."""

    reason = "REMOTE_REVERSAL"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} cannot be taken back: {partner} has a ledger of its own. Adjust it between the brands."


class ReversalAborted(DomainError):
    """The ledger refused, such as where the receiving member has spent the points. Nothing moved."""

    reason = "REVERSAL_ABORTED"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} was not taken back: the ledger refused it ({ledger_reason})."
    frozen = True


class ReversalInProgress(DomainError):
    """A reversal of the exchange is under way. It goes on by itself; the same request again tells how it ended."""

    reason = "REVERSAL_IN_PROGRESS"
    status = Status.UNAVAILABLE
    message = "A reversal of {exchange} is under way; send the same request again to learn how it ends."
    retry_after = timedelta(seconds=1)


class LinkCodeUnknown(DomainError):
    """The code of the link is not good, or its time is over, or another partner was given it. Make a new one."""

    reason = "LINK_CODE_UNKNOWN"
    status = Status.FAILED_PRECONDITION
    message = "This code links nothing: it is none, was used, is older than ten minutes, or is this partner's own."


class NameMismatch(DomainError):
    """The two brands have the member by different names. The code is used up."""

    reason = "NAME_MISMATCH"
    status = Status.FAILED_PRECONDITION
    message = "The two brands have different names of the member: {differs} differs. The code is used up."


class AlreadyLinked(DomainError):
    """One of the accounts is linked with an account of the other brand. Unlink that first."""

    reason = "ALREADY_LINKED"
    status = Status.FAILED_PRECONDITION
    message = "One of the accounts is linked with an account of the other brand already."


class LinkLimit(DomainError):
    """The account was linked with accounts of the other brand too often within a year."""

    reason = "LINK_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{used} of {limit} links within a year are used; the next may be made at {reset_time}."


class NotLinked(DomainError):
    """The coalition exchanges only between accounts that are linked as one member's, and these are not."""

    reason = "NOT_LINKED"
    status = Status.FAILED_PRECONDITION
    message = "The two accounts are not linked."


class LinkCoolingOff(DomainError):
    """The accounts were linked, or how the member is reached was changed, not long enough ago."""

    reason = "LINK_COOLING_OFF"
    status = Status.FAILED_PRECONDITION
    message = "The link of the two accounts can be used from {usable_time} on."


class AuthorizationRequired(DomainError):
    """The coalition wants to know by what the member has authorized the exchange."""

    reason = "AUTHORIZATION_REQUIRED"
    status = Status.FAILED_PRECONDITION
    message = "The exchange needs an authorization_reference: the sending brand's own of what its member agreed to."


class AuthorizationUsed(DomainError):
    """The member's authorization was used for another exchange: each is authorized by itself."""

    reason = "AUTHORIZATION_USED"
    status = Status.FAILED_PRECONDITION
    message = "This authorization_reference was used for another exchange."


class DisputeTooLate(DomainError):
    """The time is over within which the exchange could be disputed."""

    reason = "DISPUTE_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} could be disputed until {end_time}."


class DisputeOpen(DomainError):
    """The exchange has a dispute that is not decided: there is one at a time."""

    reason = "DISPUTE_OPEN"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} is disputed already."


class DisputeStateConflict(DomainError):
    """The dispute is in a state that does not allow it. Read the dispute."""

    reason = "DISPUTE_STATE_CONFLICT"
    status = Status.FAILED_PRECONDITION
    message = "{dispute} is {state}."


class AnswerTooLate(DomainError):
    """The time for an answer is over: the operator decides without."""

    reason = "ANSWER_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{dispute} could be answered until {answer_deadline}."


class AnswerPending(DomainError):
    """The other partner has not answered, and still can: both are heard before the operator decides."""

    reason = "ANSWER_PENDING"
    status = Status.FAILED_PRECONDITION
    message = "{dispute} can be answered until {answer_deadline}."


class NotBeforeOperator(DomainError):
    """The exchange is at its end, or goes on without people: its partner has answered, or may still."""

    reason = "NOT_BEFORE_OPERATOR"
    status = Status.FAILED_PRECONDITION
    message = "{exchange} does not need the operator."


class ResolutionOutdated(DomainError):
    """The exchange has gone on since it was proposed, or another proposal replaced it."""

    reason = "RESOLUTION_OUTDATED"
    status = Status.FAILED_PRECONDITION
    message = "{resolution} does not count any more: read the exchange, and propose anew where that is needed."
    frozen = True


class ResolutionProposedByYou(DomainError):
    """A second person has to approve what a partner is said to have done."""

    reason = "RESOLUTION_PROPOSED_BY_YOU"
    status = Status.FAILED_PRECONDITION
    message = "{resolution} was proposed by the same person; another one has to approve it."
