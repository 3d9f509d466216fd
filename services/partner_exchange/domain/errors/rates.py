"""What is refused of rates, rate books and quotes."""

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
