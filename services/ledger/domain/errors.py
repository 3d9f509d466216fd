"""The ledger's refusals."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class InsufficientPoints(DomainError):
    """A debit or a hold wants more than the account can spend now."""

    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "{account} needs {required} points and has {available}: {missing} are missing."
    frozen = True

    def __init__(self, account: str, required: int, available: int) -> None:
        super().__init__(account=account, required=required, available=available, missing=required - available)


class PointsLocked(DomainError):
    """A debit or a hold would leave fewer points than the caller said are locked: they are there, for other uses."""

    reason = "POINTS_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "{account} needs {required} points, and of its {available} {locked} are locked: {missing} are missing."
    frozen = True

    def __init__(self, account: str, required: int, available: int, locked: int) -> None:
        missing = required + locked - available
        super().__init__(account=account, required=required, available=available, locked=locked, missing=missing)


class BudgetExhausted(DomainError):
    """A budget or another account with a credit limit has less left than a transaction takes out of it. More may have
    come in, or the limit may have been raised, by when the request comes again.
    """

    reason = "BUDGET_EXHAUSTED"
    status = Status.FAILED_PRECONDITION
    message = "{account} has {available} left of its credit limit of {credit_limit}: {required} are needed."

    def __init__(self, account: str, credit_limit: int, required: int, available: int) -> None:
        super().__init__(account=account, credit_limit=credit_limit, required=required, available=available)


class TooManyLots(DomainError):
    """A transfer's posting would move points of more expiries than one posting may."""

    reason = "TOO_MANY_LOTS"
    status = Status.FAILED_PRECONDITION
    message = "One posting moves at most {lots_max} lots of {account}: {movable} points of the {requested} asked for."
    frozen = True


class AccountFrozen(DomainError):
    """The account is frozen: nothing new takes points out of it. It may be unfrozen by when the request comes again."""

    reason = "ACCOUNT_FROZEN"
    status = Status.FAILED_PRECONDITION
    message = "{account} is frozen."


class AccountNotFor(DomainError):
    """The account was made for other kinds of transaction only, such as one for giving and not for redeeming."""

    reason = "ACCOUNT_NOT_FOR"
    status = Status.FAILED_PRECONDITION
    message = "The points of {account} leave it by {allowed} only, and not by {kind}."


class AccountNotFrozen(DomainError):
    """The account that is to be unfrozen is open."""

    reason = "ACCOUNT_NOT_FROZEN"
    status = Status.FAILED_PRECONDITION
    message = "{account} is not frozen."


class AccountClosed(DomainError):
    """The account is closed, for ever: nothing comes in and nothing goes out."""

    reason = "ACCOUNT_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "{account} is closed."
    frozen = True


class AccountNotEmpty(DomainError):
    """Only an account that has nothing and owes nothing can be closed; what is held or pending counts."""

    reason = "ACCOUNT_NOT_EMPTY"
    status = Status.FAILED_PRECONDITION
    message = "{account} has {posted} points, {held} of them held and {pending} pending, and a debt of {debt}."
    frozen = True


class BalanceOverflow(DomainError):
    """A balance or a sum would leave the range of a signed 64-bit integer."""

    reason = "BALANCE_OVERFLOW"
    status = Status.FAILED_PRECONDITION
    message = "The balance of {account} would pass {limit}."

    def __init__(self, account: str, limit: int) -> None:
        super().__init__(account=account, limit=limit)


class ExpiryPassed(DomainError):
    """The lot or hold that a request would make has expired already."""

    reason = "EXPIRY_PASSED"
    status = Status.FAILED_PRECONDITION
    message = "What expires at {expire_time} cannot be made at {record_time}."
    frozen = True


class ExpiryBeforeAvailable(DomainError):
    """A pending lot would expire before it can be spent."""

    reason = "EXPIRY_BEFORE_AVAILABLE"
    status = Status.FAILED_PRECONDITION
    message = "{account} has points that are pending until {available_time}: they cannot expire at {expire_time}."
    frozen = True


class KindNotAllowed(DomainError):
    """The caller may not post transactions of this kind."""

    reason = "KIND_NOT_ALLOWED"
    status = Status.PERMISSION_DENIED
    message = "This caller may not post transactions of the kind {kind}."


class SpansPrograms(DomainError):
    """Only an exchange, posted by partner-exchange, may touch accounts of several programs."""

    reason = "SPANS_PROGRAMS"
    status = Status.PERMISSION_DENIED
    message = "Only an EXCHANGE by partner-exchange may touch accounts of several programs."


class BatchNotPosted(DomainError):
    """Another item of the same atomic batch is refused: see there why. This one can be sent again with the same id."""

    reason = "BATCH_NOT_POSTED"
    status = Status.FAILED_PRECONDITION
    message = "Nothing of this atomic batch is posted: its item {item}, counted from 0, is refused."


class AlreadyPosted(DomainError):
    """The item was posted before, not together with the rest of this atomic batch."""

    reason = "ALREADY_POSTED"
    status = Status.FAILED_PRECONDITION
    message = "It was posted before, without the rest of this atomic batch: {transaction}."


class HoldAlreadyCaptured(DomainError):
    """The hold was captured before, by another request."""

    reason = "HOLD_ALREADY_CAPTURED"
    status = Status.FAILED_PRECONDITION
    message = "{hold} was captured already: {captured} of it."
    frozen = True


class HoldAlreadyReleased(DomainError):
    """The hold was released before, by another request."""

    reason = "HOLD_ALREADY_RELEASED"
    status = Status.FAILED_PRECONDITION
    message = "{hold} was released already."
    frozen = True


class HoldExpired(DomainError):
    """The hold's time passed before it was resolved."""

    reason = "HOLD_EXPIRED"
    status = Status.FAILED_PRECONDITION
    message = "{hold} lapsed at {expire_time}."
    frozen = True


class CaptureExceedsHold(DomainError):
    """More was to be captured than is held."""

    reason = "CAPTURE_EXCEEDS_HOLD"
    status = Status.FAILED_PRECONDITION
    message = "{hold} holds {held}: {requested} cannot be captured from it."
    frozen = True


class NotReversible(DomainError):
    """An expiry, a merge or a reversal cannot be undone, nor a pending part of an exchange by itself."""

    reason = "NOT_REVERSIBLE"
    status = Status.FAILED_PRECONDITION
    message = "{transaction} is of the kind {kind}, which cannot be reversed."
    frozen = True


class PartialReversalNotPossible(DomainError):
    """A transaction of several postings can only be undone as a whole."""

    reason = "PARTIAL_REVERSAL_NOT_POSSIBLE"
    status = Status.FAILED_PRECONDITION
    message = "{transaction} has {postings} postings: it can only be reversed as a whole."
    frozen = True


class OverReversal(DomainError):
    """All reversals together would take more than the original moved, what has expired of it aside."""

    reason = "OVER_REVERSAL"
    status = Status.FAILED_PRECONDITION
    message = "{transaction}: {requested} cannot be reversed, {remaining} remain."
    frozen = True


class BooksClosed(DomainError):
    """It happened in a period whose books are closed by now."""

    reason = "BOOKS_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "The books of {program} are closed up to {close_time}: what happened at {effective_time} comes too late."


class BooksAlreadyClosed(DomainError):
    """The books are closed up to that time or further."""

    reason = "BOOKS_ALREADY_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "The books of {program} are closed up to {close_time} already."


class BooksNotClosed(DomainError):
    """There is nothing to reopen: the books are not closed any further."""

    reason = "BOOKS_NOT_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "The books of {program} are closed up to {close_time}, not further."


class SecondPersonRequired(DomainError):
    """One person cannot do this alone: open books that they closed (`close_time`), adjust more of a unit than the
    program's limit (`limit`, `amount`), or approve what they proposed (`adjustment`).
    """

    reason = "SECOND_PERSON_REQUIRED"
    status = Status.FAILED_PRECONDITION
    message = "This takes a second person: {because}."


class AdjustmentAlreadyApproved(DomainError):
    """The adjustment was approved before, by another request, and is posted."""

    reason = "ADJUSTMENT_ALREADY_APPROVED"
    status = Status.FAILED_PRECONDITION
    message = "{adjustment} was approved already: it is {transaction}."
    frozen = True


class AdjustmentAlreadyRejected(DomainError):
    """The adjustment was rejected before, or withdrawn by whoever proposed it."""

    reason = "ADJUSTMENT_ALREADY_REJECTED"
    status = Status.FAILED_PRECONDITION
    message = "{adjustment} was rejected already."
    frozen = True


class VersionNotReached(DomainError):
    """A balance was asked for at a version that the account has not reached."""

    reason = "VERSION_NOT_REACHED"
    status = Status.FAILED_PRECONDITION
    message = "{account} is at version {version}, not yet at {min_version}."


class BalanceChanged(DomainError):
    """The account has changed since its balance was explained, or what of it is locked was found out: look again."""

    reason = "BALANCE_CHANGED"
    status = Status.ABORTED
    message = "What was found of {account} at version {seen} holds no more: it is at version {version}."


class TooManyAccounts(DomainError):
    """A trial balance has a line for each system account: here are too many."""

    reason = "TOO_MANY_ACCOUNTS"
    status = Status.FAILED_PRECONDITION
    message = "{program} has more than {limit} system accounts."


class NoStatement(DomainError):
    """Only member accounts have a statement with a running balance."""

    reason = "NO_STATEMENT"
    status = Status.FAILED_PRECONDITION
    message = "{account} is a system account: it has no statement."
