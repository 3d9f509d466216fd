"""Resolutions: two people say what a remote partner has done that does not say so itself. See docs/adr/0044."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from guerdon_kit.errors import InvalidField
from partner_exchange.domain.book import Person
from partner_exchange.domain.errors import NotBeforeOperator, ResolutionOutdated, ResolutionProposedByYou
from partner_exchange.domain.exchanges import Exchange, Refusal, State
from partner_exchange.domain.steps import Answer, Done

REFUSED_BY_PARTNER = Refusal("REFUSED_BY_PARTNER", {}, kept=True)


class Outcome(Enum):
    """What the partner that is asked has done."""

    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was proposed, and who approved it."""

    number: int
    """From 1, for each exchange."""
    exchange_id: str
    sender: str
    state: State
    """The exchange's, or its reversal's, when it was proposed."""
    outcome: Outcome
    reason: str
    proposer: Person
    propose_time: datetime
    reversal_id: str = ""
    """The reversal that it is about; empty: the exchange itself."""
    approver: Person | None = None
    approve_time: datetime | None = None

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"partners/{self.sender}/exchanges/{self.exchange_id}/resolutions/{self.number}"

    @property
    def answer(self) -> Answer:
        """The partner's answer that it stands for."""
        return Done(self.name) if self.outcome is Outcome.DONE else REFUSED_BY_PARTNER


def check_proposal(exchange: Exchange, outcome: Outcome) -> None:
    """What may be proposed for an exchange.

    Raises:
        NotBeforeOperator: it goes on by itself, or is at its end.
        InvalidField: where it is, there is no way back.
    """
    if not exchange.needs_operator:
        raise NotBeforeOperator(exchange=exchange.name)
    if outcome is Outcome.REFUSED and exchange.state is not State.CREDITING:
        raise InvalidField.of("resolution.outcome", f"can only be DONE while the exchange is {exchange.state.value}")


def check_approval(resolution: Resolution, exchange: Exchange, newest: int, person: Person) -> None:
    """Who may approve, and when.

    Raises:
        ResolutionOutdated: the exchange has gone on, or a later proposal replaced this one.
        ResolutionProposedByYou: it takes another person.
    """
    stale = exchange.state is not resolution.state or not exchange.needs_operator
    if stale or resolution.number != newest or resolution.approver is not None:
        raise ResolutionOutdated(resolution=resolution.name)
    if person.subject == resolution.proposer.subject:
        raise ResolutionProposedByYou(resolution=resolution.name)
