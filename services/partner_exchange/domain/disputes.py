"""Disputes: who may say what until when, and what can be decided.

    OPEN → ANSWERED → RESOLVED
      ↓        ↓ ↑
      ↓     RESOLVING → RESOLVED      a reversal was decided on; refused, it leaves the dispute as it was before
    WITHDRAWN (from OPEN and ANSWERED)

An OPEN one can be decided once the time for an answer is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.errors import (
    AnswerPending,
    AnswerTooLate,
    DisputeStateConflict,
    DisputeTooLate,
    ExchangeNotCommitted,
)
from partner_exchange.domain.exchanges import Exchange, State

DISPUTABLE_FOR = timedelta(days=60)
ANSWERABLE_FOR = timedelta(days=14)
WORDS_MAX = 2_000
ADJUSTMENT_MAX = 10**12


class DisputeState(Enum):
    """How far a dispute is."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    RESOLVING = "RESOLVING"
    RESOLVED = "RESOLVED"
    WITHDRAWN = "WITHDRAWN"


class Outcome(Enum):
    """What was decided."""

    REJECTED = "REJECTED"
    REVERSED = "REVERSED"
    ADJUSTED = "ADJUSTED"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What one brand owes the other."""

    payer: str
    minor_units: int


@dataclass(frozen=True, slots=True)
class Reverse:
    """That debited points of the exchange go back; 0: all that are left."""

    points: int


Resolution = Adjustment | Reverse | None
"""What is decided; None: nothing."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it is kept."""

    dispute_id: str
    exchange_id: str
    coalition_id: str
    opener: str
    respondent: str
    claim: str
    create_time: datetime
    answer_deadline: datetime
    state: DisputeState = DisputeState.OPEN
    answer: str = ""
    answer_time: datetime | None = None
    outcome: Outcome | None = None
    ruling: str = ""
    reversal_id: str | None = None
    adjustment: Adjustment | None = None
    end_time: datetime | None = None

    @property
    def name(self) -> str:
        """Its resource name, under the partner that opened it."""
        return f"partners/{self.opener}/disputes/{self.dispute_id}"


def check_words(words: str, field: str) -> str:
    """What somebody says.

    Raises:
        InvalidField: it is nothing, or too much.
    """
    if not 1 <= len(words) <= WORDS_MAX:
        raise InvalidField.of(field, f"must have 1 to {WORDS_MAX} characters")
    return words


def opened(exchange: Exchange, opener: str, claim: str, dispute_id: str, now: datetime) -> Dispute:
    """The dispute of one of an exchange's two partners.

    Raises:
        ExchangeNotCommitted, DisputeTooLate: it cannot be disputed, not yet or no more.
    """
    if exchange.state is not State.COMMITTED or exchange.commitment is None:
        raise ExchangeNotCommitted(exchange=exchange.name, state=exchange.state.value)
    end = exchange.commitment.commit_time + DISPUTABLE_FOR
    if now > end:
        raise DisputeTooLate(exchange=exchange.name, end_time=end.isoformat())
    return Dispute(
        dispute_id=dispute_id,
        exchange_id=exchange.exchange_id,
        coalition_id=exchange.coalition_id,
        opener=opener,
        respondent=exchange.receiver if opener == exchange.sender else exchange.sender,
        claim=claim,
        create_time=now,
        answer_deadline=now + ANSWERABLE_FOR,
    )


def check_answerable(dispute: Dispute, partner_id: str, now: datetime) -> None:
    """Raises InvalidField for the partner that opened it, DisputeStateConflict or AnswerTooLate where none is due."""
    if partner_id != dispute.respondent:
        raise InvalidField.of("name", "is answered by the other partner")
    if dispute.state is not DisputeState.OPEN:
        raise DisputeStateConflict(dispute=dispute.name, state=dispute.state.value)
    if now > dispute.answer_deadline:
        raise AnswerTooLate(dispute=dispute.name, answer_deadline=dispute.answer_deadline.isoformat())


def check_withdrawable(dispute: Dispute, partner_id: str) -> None:
    """Raises InvalidField for the other partner, DisputeStateConflict where it is decided or withdrawn."""
    if partner_id != dispute.opener:
        raise InvalidField.of("name", "is withdrawn by the partner that opened it")
    _check_undecided(dispute)


def check_decidable(dispute: Dispute, now: datetime) -> None:
    """Both sides are heard first.

    Raises:
        DisputeStateConflict: it is decided or withdrawn, or a reversal is under way.
        AnswerPending: the other partner can still answer.
    """
    _check_undecided(dispute)
    if dispute.state is DisputeState.OPEN and now <= dispute.answer_deadline:
        raise AnswerPending(dispute=dispute.name, answer_deadline=dispute.answer_deadline.isoformat())


def check_adjustment(adjustment: Adjustment, exchange: Exchange) -> None:
    """Raises InvalidField where it is out of bounds, not between the exchange's partners, or for what was only tried in
    the sandbox.
    """
    if adjustment.payer not in {exchange.sender, exchange.receiver}:
        raise InvalidField.of("adjust.payer_id", "must be a partner of the exchange")
    if not 1 <= adjustment.minor_units <= ADJUSTMENT_MAX:
        raise InvalidField.of("adjust.minor_units", f"must be 1 to {ADJUSTMENT_MAX}")
    if exchange.agreed_price == 0:
        raise InvalidField.of("adjust", "what was tried in the sandbox comes into no settlement")


def _check_undecided(dispute: Dispute) -> None:
    if dispute.state not in {DisputeState.OPEN, DisputeState.ANSWERED}:
        raise DisputeStateConflict(dispute=dispute.name, state=dispute.state.value)
