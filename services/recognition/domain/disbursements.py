"""Points that somebody puts somewhere by hand: bought into the budget, or given out beside the periods' grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from guerdon_kit.errors import DomainError, FieldViolation, InvalidField, NotFound
from recognition.domain.errors import (
    BudgetShort,
    DisbursementRefused,
    ManagerBudgetShort,
    PersonDeactivated,
    ReceivingNotAllowed,
    SelfGiving,
)
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.people import person_name
from recognition.domain.roles import Standing
from recognition.domain.texts import text_violations

RECEIVERS_MAX = 100  # a transaction of the ledger has at most 100 postings
REASON_LENGTH_MAX = 200
INVOICE_LENGTH_MAX = 100


class Disbursing(Enum):
    """What is done. Stored by value."""

    FUND = "fund"
    """Bought points go into the budget."""
    BOOST = "boost"
    """The budget grants people more to give."""
    AWARD = "award"
    """A manager gives people points to redeem."""
    MANAGER_BOOST = "manager_boost"
    """A manager gives people more to give."""

    @property
    def by_manager(self) -> bool:
        """Whether a manager's budget pays."""
        return self in {Disbursing.AWARD, Disbursing.MANAGER_BOOST}


class DisbursementState(Enum):
    """How far it is. Stored by value."""

    PENDING = "pending"
    """Taken in; whether the points have moved is for the ledger to say."""
    POSTED = "posted"
    """The points have moved. Final."""
    REFUSED = "refused"
    """The ledger refused, and nothing has moved. Final."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: `amount` points to each of `receivers` (ids of people; none for FUND) out of the budget of
    `manager`, or of the organisation where that is empty. `note` is the reason, or the invoice of FUND.
    """

    organisation: str
    doing: Disbursing
    manager: str
    receivers: tuple[str, ...]
    amount: int
    note: str

    @property
    def total(self) -> int:
        """What moves in all, at once or not at all."""
        return self.amount * max(1, len(self.receivers))

    def check(self) -> None:
        """Whether there can be such an order, people's states aside.

        Raises:
            InvalidField: with every field that is out of its bounds.
            SelfGiving: a manager is among the receivers.
        """
        violations = list(self._violations())
        if violations:
            raise InvalidField(violations)
        if self.manager and self.manager in self.receivers:
            raise SelfGiving(person_name(self.organisation, self.manager))

    def check_receivers(self, standings: Mapping[str, Standing]) -> None:
        """Whether each receiver may receive; `standings` are those of the people that exist.

        Raises:
            NotFound: one of them does not exist.
            PersonDeactivated, ReceivingNotAllowed: as they say. Only who gives receives more to give.
        """
        for receiver in self.receivers:
            name = person_name(self.organisation, receiver)
            if receiver not in standings:
                raise NotFound(name)
            standing = standings[receiver]
            if not standing.active:
                raise PersonDeactivated(name)
            allowed = standing.role.receives if self.doing is Disbursing.AWARD else standing.role.gives
            if not allowed:
                raise ReceivingNotAllowed(name, standing.role.name)

    def _violations(self) -> list[FieldViolation]:
        found = []
        if self.amount < 1 or self.total > POINTS_MAX:
            found.append(FieldViolation("amount", "must be at least 1, and all together at most 2^53"))
        if self.doing is Disbursing.FUND:
            if not self.note:
                found.append(FieldViolation("invoice", "is required"))
            return found + text_violations("invoice", self.note, INVOICE_LENGTH_MAX)
        if not 1 <= len(self.receivers) <= RECEIVERS_MAX:
            found.append(FieldViolation("receivers", "must be 1 to 100"))
        found += [
            FieldViolation(f"receivers[{index}]", "is there twice")
            for index, receiver in enumerate(self.receivers[:RECEIVERS_MAX])
            if receiver in self.receivers[:index]
        ]
        return found + text_violations("reason", self.note, REASON_LENGTH_MAX)


@dataclass(frozen=True, slots=True)
class Disbursement:
    """An order as stored, with the accounts (ids within the program) that it moves points between. `transaction` is the
    ledger's, empty until POSTED. `refusal` says why it is REFUSED; `available_amount` is what was left, where that was
    the reason.
    """

    id: str
    order: Order
    program: str
    source_id: str
    destination_ids: tuple[str, ...]
    state: DisbursementState
    actor: str
    create_time: datetime
    transaction: str = ""
    refusal: str = ""
    available_amount: int = 0

    @property
    def request_id(self) -> str:
        """The id under which the ledger is asked, always the same for one disbursement."""
        return f"disburse-{self.id}"

    def outcome(self) -> str:
        """The ledger's transaction.

        Raises:
            BudgetShort, ManagerBudgetShort, DisbursementRefused: the ledger refused.
        """
        if self.state is DisbursementState.REFUSED:
            raise self._refusal()
        return self.transaction

    def _refusal(self) -> DomainError:
        if self.refusal == BudgetShort.reason:
            return BudgetShort(self.order.total, self.available_amount)
        if self.refusal == ManagerBudgetShort.reason:
            return ManagerBudgetShort(self.order.total, self.available_amount)
        return DisbursementRefused(self.refusal)
