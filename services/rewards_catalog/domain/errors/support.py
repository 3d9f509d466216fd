"""What is refused of cases and of goodwill."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.errors import DomainError, Status


class CaseClosed(DomainError):
    """The case is closed. Open another one."""

    reason = "CASE_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "{case} is closed."
    frozen = True


class CaseFull(DomainError):
    """Goodwill was given so often in the case. Open another one."""

    reason = "CASE_FULL"
    status = Status.RESOURCE_EXHAUSTED
    message = "Goodwill is given at most {limit} times in a case, and so often it was in {case}."


class GoodwillRefused(DomainError):
    """The ledger refused the points, for a reason of its own, such as that the account is closed."""

    reason = "GOODWILL_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "The ledger refused {goodwill}: {ledger_reason}."


class GoodwillUnfinished(DomainError):
    """The ledger did not answer in time. The service goes on by itself."""

    reason = "GOODWILL_UNFINISHED"
    status = Status.UNAVAILABLE
    message = "{goodwill} goes on; send the same request again, or read its case."
    retry_after = timedelta(seconds=1)
