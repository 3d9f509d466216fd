"""What a reward promises about giving points back for what was handed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from guerdon_kit.errors import FieldViolation

MAX_DAYS = 3_660


class RefundPolicy(StrEnum):
    """What of the price goes back."""

    NONE = "NONE"
    WHOLE = "WHOLE"
    PARTIAL = "PARTIAL"


@dataclass(frozen=True, slots=True)
class RefundTerms:
    """A reward's policy, and for how many days of 24 hours after it was handed over it holds; 0: for ever."""

    policy: RefundPolicy = RefundPolicy.NONE
    days: int = 0


def violations(terms: RefundTerms, *, codes: bool, wallets: bool) -> Iterator[FieldViolation]:
    """Every bound that is broken; `codes`: the reward hands over codes, which nobody can hand back; `wallets`: it pays
    into wallets, out of which it comes back as a whole.
    """
    if codes and terms.policy is not RefundPolicy.NONE:
        yield FieldViolation("reward.refund_policy", "must be absent for FULFILMENT_CODE_POOL")
    if wallets and terms.policy is RefundPolicy.PARTIAL:
        yield FieldViolation("reward.refund_policy", "must not be PARTIAL for what is paid into a wallet")
    if not 0 <= terms.days <= MAX_DAYS:
        yield FieldViolation("reward.refund_days", f"must be between 0 and {MAX_DAYS}")
