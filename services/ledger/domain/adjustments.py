"""Adjustments: what one person may post alone, and what two do, one proposing and another approving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from ledger.domain.books import IfClosed
from ledger.domain.desk import Desk
from ledger.domain.errors import AdjustmentAlreadyApproved, AdjustmentAlreadyRejected, SecondPersonRequired
from ledger.domain.journal import Record
from ledger.domain.model import Kind, Program
from ledger.domain.policies import Policies
from ledger.domain.posting import PostingOrder, TransactionOrder, post


class AdjustmentState(IntEnum):
    """What became of a proposed adjustment. The numbers are those of the contract and of the table."""

    PROPOSED = 1
    APPROVED = 2
    REJECTED = 3


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did to an adjustment."""

    actor: str
    person: str
    """Who decided it: the actor, or whom the actor acts for."""
    time: datetime


@dataclass(frozen=True, slots=True)
class Adjustment:
    """An adjustment that was proposed, with what became of it."""

    id: int
    program: Program
    postings: tuple[PostingOrder, ...]
    effective_time: datetime | None
    if_closed: IfClosed
    memo: str
    proposed: Deed
    state: AdjustmentState = AdjustmentState.PROPOSED
    resolved: Deed | None = None
    reason: str = ""
    """Why it was rejected."""
    transaction: int = 0
    """The transaction that was posted when it was approved; 0: none."""

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{self.program.name}/adjustments/{self.id}"

    def order(self, actor: str) -> TransactionOrder:
        """The transaction that its approval posts; both who proposed and who approves it made it."""
        both = f"{self.proposed.actor} approved by {actor}"
        return TransactionOrder(
            self.program, Kind.ADJUSTMENT, self.postings, self.effective_time, both, self.memo, self.if_closed
        )


def require_alone(program: Program, postings: Sequence[PostingOrder], policies: Policies) -> None:
    """Raises SecondPersonRequired where a transaction moves more of a unit than one person may adjust. All of its
    postings count together, whichever way they move points.
    """
    amounts: dict[int, int] = {}
    for posting in postings:
        unit = posting.source.unit
        amounts[unit] = amounts.get(unit, 0) + posting.amount
    for unit, amount in amounts.items():
        limit = policies.limit(unit)
        if limit is not None and amount > limit:
            because = f"one person may adjust {limit} in {program.name}, not {amount}"
            raise SecondPersonRequired(because=because, program=program.name, limit=limit, amount=amount)


def require_open(adjustment: Adjustment) -> None:
    """Raises the refusal that says what became of a resolved adjustment."""
    if adjustment.state is AdjustmentState.APPROVED:
        name = f"{adjustment.program.name}/transactions/{adjustment.transaction}"
        raise AdjustmentAlreadyApproved(adjustment=adjustment.name, transaction=name)
    if adjustment.state is AdjustmentState.REJECTED:
        raise AdjustmentAlreadyRejected(adjustment=adjustment.name)


def approve(adjustment: Adjustment, actor: str, person: str, desk: Desk, now: datetime) -> Record:
    """Posts what was proposed, and notes that it is approved, so that nobody does so again in the same batch.

    Raises:
        AdjustmentAlreadyApproved, AdjustmentAlreadyRejected: it was resolved before.
        SecondPersonRequired: the same person proposed it.
        The refusals of `posting.post`: it stays as it was proposed.
    """
    require_open(adjustment)
    if person == adjustment.proposed.person:
        because = f"{adjustment.name} was proposed by the same person"
        raise SecondPersonRequired(because=because, program=adjustment.program.name, adjustment=adjustment.name)
    record = post(adjustment.order(actor), desk, now)
    approved = replace(
        adjustment, state=AdjustmentState.APPROVED, resolved=Deed(actor, person, now), transaction=record.id
    )
    desk.adjustments[adjustment.id] = approved
    desk.journal.approvals.append(approved)
    return record
