"""Vouchers: what one is worth, when it can be used, and what a use and its undoing make of it.

The voucher of a gift card has a balance of cash, which is used in parts. Any other is used once, as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from guerdon_kit.errors import FieldViolation, InvalidField
from rewards_catalog.domain.errors import (
    AlreadyFulfilled,
    AlreadyRedeemed,
    AlreadyUndone,
    InsufficientBalance,
    UndoTooLate,
    VoucherExpired,
    VoucherIsVoid,
    VoucherNotYetValid,
    VoucherRedeemed,
)
from rewards_catalog.domain.kinds import MAX_CASH, Cash, GiftCard
from rewards_catalog.domain.reward import Reward

MAX_VALID_FOR = timedelta(days=3_660)
MAX_TILL_TEXT = 63


@dataclass(frozen=True, slots=True)
class VoucherTerms:
    """When vouchers of a reward can be used; `cancellable`: a redemption can be called off as long as its voucher was
    not used.
    """

    start_time: datetime | None = None
    end_time: datetime | None = None
    valid_for: timedelta | None = None
    cancellable: bool = False

    def end_of(self, issued: datetime) -> datetime | None:
        """Until when a voucher can be used that is issued then; None: for ever."""
        ends = [self.end_time, issued + self.valid_for if self.valid_for else None]
        return min((end for end in ends if end is not None), default=None)


NO_TERMS = VoucherTerms()
"""Those of a reward whose terms nobody set."""


def check_terms(terms: VoucherTerms) -> None:
    """Checks the bounds of terms that somebody sets.

    Raises:
        InvalidField: with every bound that is broken.
    """
    violations = list(_violations(terms))
    if violations:
        raise InvalidField(violations)


def _violations(terms: VoucherTerms) -> Iterator[FieldViolation]:
    if terms.valid_for is not None and not timedelta() < terms.valid_for <= MAX_VALID_FOR:
        yield FieldViolation("terms.valid_for", f"must be between 1 second and {MAX_VALID_FOR.days} days")
    if terms.start_time and terms.end_time and terms.start_time >= terms.end_time:
        yield FieldViolation("terms.end_time", "must be after start_time")


def value_of(reward: Reward) -> Cash | None:
    """What a code of the reward is worth in cash; None: it is used as a whole."""
    return reward.kind.value if isinstance(reward.kind, GiftCard) else None


class VoucherState(StrEnum):
    """How far a voucher is."""

    ISSUED = "ISSUED"
    REDEEMED = "REDEEMED"
    VOID = "VOID"


@dataclass(frozen=True, slots=True)
class Voucher:
    """A code that was issued for the redemption `id`, without the code; `balance` is None where `value` is."""

    program: str
    id: str
    reward: str
    reward_version: int
    account: str
    title: str
    value: Cash | None
    balance: int | None
    cancellable: bool
    start_time: datetime
    end_time: datetime | None
    state: VoucherState
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"programs/{self.program}/vouchers/{self.id}"

    @property
    def reward_name(self) -> str:
        """The reward's resource name."""
        return f"programs/{self.program}/rewards/{self.reward}"


@dataclass(frozen=True, slots=True)
class Till:
    """Where a voucher is used; `cashier` may be empty."""

    store: str
    terminal: str
    cashier: str


def check_till(till: Till) -> None:
    """Raises InvalidField with every text of the till that is empty, too long or not printable."""
    bounds = (("store", till.store, 1), ("terminal", till.terminal, 1), ("cashier", till.cashier, 0))
    violations = [
        FieldViolation(f"till.{field}", f"must have {least} to {MAX_TILL_TEXT} printable characters")
        for field, text, least in bounds
        if not (least <= len(text) <= MAX_TILL_TEXT and text.isprintable())
    ]
    if violations:
        raise InvalidField(violations)


@dataclass(frozen=True, slots=True)
class Undoing:
    """When and where a use was taken back, and who asked for it."""

    time: datetime
    till: Till
    actor: str


@dataclass(frozen=True, slots=True)
class Use:
    """What a till did with a voucher: `amount` was taken off the balance, which was `balance` right after; both None
    where it was used as a whole.
    """

    voucher: Voucher
    id: str
    amount: int | None
    balance: int | None
    till: Till
    actor: str
    create_time: datetime
    undo_end_time: datetime
    undoing: Undoing | None

    @property
    def name(self) -> str:
        """The resource name."""
        return f"{self.voucher.name}/uses/{self.id}"


def check_usable(voucher: Voucher, amount: Cash | None, now: datetime, last: Use | None) -> None:
    """Checks that a till can use the voucher now; `last` is its latest use that was not undone.

    Raises:
        VoucherIsVoid, AlreadyRedeemed, VoucherNotYetValid, VoucherExpired: it cannot be used.
        InvalidField: the amount is missing, or one is given for a voucher without a balance or of another currency.
        InsufficientBalance: less is left.
    """
    if voucher.state is VoucherState.VOID:
        raise VoucherIsVoid(voucher=voucher.name)
    if voucher.state is VoucherState.REDEEMED:
        assert last is not None, "somebody has used it"
        when, till = last.create_time.isoformat(), last.till
        raise AlreadyRedeemed(voucher=voucher.name, redeem_time=when, store=till.store, terminal=till.terminal)
    if now < voucher.start_time:
        raise VoucherNotYetValid(voucher=voucher.name, start_time=voucher.start_time.isoformat())
    if voucher.end_time is not None and now >= voucher.end_time:
        raise VoucherExpired(voucher=voucher.name, end_time=voucher.end_time.isoformat())
    if amount is not None:
        _check_amount(voucher, amount)


def _check_amount(voucher: Voucher, amount: Cash) -> None:
    if voucher.value is None or voucher.balance is None:
        raise InvalidField.of("amount", "must be absent: the voucher is used as a whole")
    if amount.currency != voucher.value.currency:
        raise InvalidField.of("amount.currency_code", f"must be {voucher.value.currency}")
    if not 1 <= amount.minor_units <= MAX_CASH:
        raise InvalidField.of("amount.minor_units", "must be between 1 and 2^53")
    missing = amount.minor_units - voucher.balance
    if missing > 0:
        raise InsufficientBalance(
            required=amount.minor_units,
            available=voucher.balance,
            missing=missing,
            currency_code=voucher.value.currency,
        )


def used(voucher: Voucher, amount: Cash | None, now: datetime, last: Use | None) -> Voucher:
    """The voucher after a use.

    Raises:
        As `check_usable`; and InvalidField where a voucher with a balance is used without an amount.
    """
    check_usable(voucher, amount, now, last)
    if voucher.balance is None:
        return replace(voucher, state=VoucherState.REDEEMED)
    if amount is None:
        raise InvalidField.of("amount", "is required: the voucher has a balance")
    left = voucher.balance - amount.minor_units
    return replace(voucher, balance=left, state=VoucherState.ISSUED if left else VoucherState.REDEEMED)


def unused(voucher: Voucher, use: Use, now: datetime) -> Voucher:
    """The voucher after a use of it is undone. What lies between does not matter: a balance only adds up.

    Raises:
        AlreadyUndone: it was undone before.
        UndoTooLate: the time for it is over.
    """
    if use.undoing is not None:
        raise AlreadyUndone(use=use.name, undo_time=use.undoing.time.isoformat())
    if now >= use.undo_end_time:
        raise UndoTooLate(use=use.name, undo_end_time=use.undo_end_time.isoformat())
    balance = None if voucher.balance is None or use.amount is None else voucher.balance + use.amount
    return replace(voucher, balance=balance, state=VoucherState.ISSUED)


def voided(voucher: Voucher, redemption: str) -> Voucher:
    """The voucher once the redemption of this name is called off.

    Raises:
        VoucherRedeemed: it was used.
        AlreadyFulfilled: its terms do not allow it.
    """
    if not voucher.cancellable:
        raise AlreadyFulfilled(redemption=redemption)
    untouched = None if voucher.value is None else voucher.value.minor_units
    if voucher.state is not VoucherState.ISSUED or voucher.balance != untouched:
        raise VoucherRedeemed(redemption=redemption)
    return replace(voucher, state=VoucherState.VOID)
