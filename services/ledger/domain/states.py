"""Which operation is allowed in which state of a member account: one table. The reference is generated from it.

A frozen account's holder starts nothing new with it. What others owe it comes in, what was promised before the freeze
resolves, corrections are booked, and the clock goes on. A closed account has and owes nothing, and stays so.
"""

from __future__ import annotations

from enum import Enum

from guerdon_kit.errors import DomainError
from ledger.domain.errors import AccountClosed, AccountFrozen, AccountNotFrozen
from ledger.domain.model import Account, AccountState, Kind


class Operation(Enum):
    """What is done with an account; the words are the published table's."""

    RECEIVE = "Points come in: `EARN`, `GRANT`, `EXCHANGE`, a `RECOGNITION`, `TRANSFER` or `MERGE` received"
    PAY = "Points go out: `SPEND`, `EXCHANGE`, a `RECOGNITION`, `TRANSFER` or `MERGE` given, a `FUND` returned"
    ADJUST = "An `ADJUSTMENT`, either way"
    CLAW_BACK = "A reversal takes points back"
    RESTORE = "A reversal gives points back"
    PLACE_HOLD = "A hold is placed"
    RESOLVE_HOLD = "A hold is captured or released"
    UPDATE_LOTS = "Its lots are given another expiry, activated or cancelled"
    CLOCK = "A hold lapses, points expire or mature, debt is paid by that"
    FREEZE = "It is frozen"
    UNFREEZE = "It is unfrozen"
    CLOSE = "It is closed, with nothing in it and no debt"
    LABEL = "Its labels are changed or erased"
    READ = "It is read"


class Verdict(Enum):
    """What becomes of an operation in a state."""

    ALLOWED = "yes"
    REFUSED = "no"
    VOID = "nothing is there"
    """There is no hold or lot that it could act on; it is answered by what became of that."""


_YES, _NO, _VOID = Verdict.ALLOWED, Verdict.REFUSED, Verdict.VOID

TABLE: dict[Operation, dict[AccountState, Verdict]] = {
    operation: dict(zip(AccountState, verdicts, strict=True))
    for operation, verdicts in {
        Operation.RECEIVE: (_YES, _YES, _NO),
        Operation.PAY: (_YES, _NO, _NO),
        Operation.ADJUST: (_YES, _YES, _NO),
        Operation.CLAW_BACK: (_YES, _YES, _NO),
        Operation.RESTORE: (_YES, _YES, _NO),
        Operation.PLACE_HOLD: (_YES, _NO, _NO),
        Operation.RESOLVE_HOLD: (_YES, _YES, _VOID),
        Operation.UPDATE_LOTS: (_YES, _YES, _NO),
        Operation.CLOCK: (_YES, _YES, _VOID),
        Operation.FREEZE: (_YES, _NO, _NO),
        Operation.UNFREEZE: (_NO, _YES, _NO),
        Operation.CLOSE: (_YES, _YES, _NO),
        Operation.LABEL: (_YES, _YES, _YES),
        Operation.READ: (_YES, _YES, _YES),
    }.items()
}
"""By operation, then by state."""

REFUSALS: dict[AccountState, type[DomainError]] = {
    AccountState.OPEN: AccountNotFrozen,
    AccountState.FROZEN: AccountFrozen,
    AccountState.CLOSED: AccountClosed,
}
"""What an operation is refused with in each state."""


def paying(kind: Kind) -> Operation:
    """What a transaction of this kind does with the account that it debits."""
    return Operation.ADJUST if kind is Kind.ADJUSTMENT else Operation.PAY


def receiving(kind: Kind) -> Operation:
    """What a transaction of this kind does with the account that it credits."""
    return Operation.ADJUST if kind is Kind.ADJUSTMENT else Operation.RECEIVE


def require(operation: Operation, account: Account, state: AccountState) -> None:
    """Raises AccountFrozen, AccountClosed or AccountNotFrozen where the state does not allow the operation."""
    if TABLE[operation][state] is Verdict.REFUSED:
        raise REFUSALS[state](account=account.name)
