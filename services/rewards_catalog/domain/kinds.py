"""What a reward is: what each kind needs, so that whoever hands it over knows what that means.

Amounts are minor units of `currency`, an ISO 4217 code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from fractions import Fraction

from guerdon_kit.errors import FieldViolation
from guerdon_kit.names import ID

MAX_CASH = 2**53
MAX_FRACTION_PART = 1_000_000
MAX_BENEFIT_DAYS = 3_660
_LONGEST = {"sku": 100, "location": 200, "method": 100, "beneficiary": 200, "benefit": 100, "budget": 200}
_CURRENCY = re.compile(r"[A-Z]{3}")
_PARTNER = re.compile(f"partners/{ID}")


@dataclass(frozen=True, slots=True)
class Cash:
    """An amount of cash."""

    minor_units: int
    currency: str


@dataclass(frozen=True, slots=True)
class GiftCard:
    """A card worth an amount of cash."""

    value: Cash


@dataclass(frozen=True, slots=True)
class Merchandise:
    """Goods, by what the warehouse calls them."""

    sku: str


@dataclass(frozen=True, slots=True)
class Experience:
    """Something to be at; `event_time` None means by arrangement."""

    location: str
    event_time: datetime | None


@dataclass(frozen=True, slots=True)
class FixedDiscount:
    """So much less for a purchase of at least `min_purchase`, in the same currency; None: of any."""

    value: Cash
    min_purchase: Cash | None


@dataclass(frozen=True, slots=True)
class PercentDiscount:
    """A share less for a purchase, at most `max_discount`; None: without a bound."""

    fraction: Fraction
    max_discount: Cash | None


@dataclass(frozen=True, slots=True)
class FreeShipping:
    """A purchase is sent without charge by one way of sending."""

    method: str


@dataclass(frozen=True, slots=True)
class Donation:
    """Points given away."""

    beneficiary: str


@dataclass(frozen=True, slots=True)
class TierBenefit:
    """What otherwise members of a tier have, for so many days from when it is handed over."""

    benefit: str
    days: int


@dataclass(frozen=True, slots=True)
class Cashback:
    """Cash for points. `budget` is the name of the account in the ledger that pays it into wallets; None: it is handed
    over elsewhere.
    """

    value: Cash
    budget: str | None = None


@dataclass(frozen=True, slots=True)
class PartnerTransfer:
    """Points of the partner `receiver`, for points of the program, which in their coalition is the partner `sender`; by
    their resource names. A member may send any number from `min_points` up to the price; 0: the price.
    """

    sender: str
    receiver: str
    min_points: int


Kind = (
    GiftCard
    | Merchandise
    | Experience
    | FixedDiscount
    | PercentDiscount
    | FreeShipping
    | Donation
    | TierBenefit
    | Cashback
    | PartnerTransfer
)

KINDS: dict[str, type[Kind]] = {
    "GIFT_CARD": GiftCard,
    "MERCHANDISE": Merchandise,
    "EXPERIENCE": Experience,
    "FIXED_DISCOUNT": FixedDiscount,
    "PERCENT_DISCOUNT": PercentDiscount,
    "FREE_SHIPPING": FreeShipping,
    "DONATION": Donation,
    "TIER_BENEFIT": TierBenefit,
    "CASHBACK": Cashback,
    "PARTNER_TRANSFER": PartnerTransfer,
}
"""The kinds by what the database calls them, which is the contract's field in capitals."""

KIND_NAMES = {kind: name for name, kind in KINDS.items()}


CASH_LIKE = (GiftCard, Cashback, PartnerTransfer)
"""The kinds that are as good as cash, also where somebody else sees to it that no locked points are taken for them. A
donation is cash for others, so that nobody gets any by bringing goods back.
"""


def value_for_points(kind: Kind | None) -> Cash | None:
    """What the kind comes to for the whole price, where fewer points make it less; None: they make it no less."""
    return kind.value if isinstance(kind, Cashback | FixedDiscount) else None


def budget_of(kind: Kind | None) -> str | None:
    """The account that pays what the kind is into a wallet; None: nothing is paid into one."""
    return kind.budget if isinstance(kind, Cashback) else None


def violations(kind: Kind) -> Iterator[FieldViolation]:
    """Every bound of the kind that is broken, by the field's path."""
    path = f"reward.{KIND_NAMES[type(kind)].lower()}"
    if isinstance(kind, PartnerTransfer):
        yield from _partners(kind, path)
        return
    for field in fields(kind):
        yield from _broken(getattr(kind, field.name), field.name, f"{path}.{field.name}")
    if isinstance(kind, FixedDiscount) and kind.min_purchase and kind.min_purchase.currency != kind.value.currency:
        yield FieldViolation(f"{path}.min_purchase", "must be in the currency of the value")


def _broken(value: object, name: str, path: str) -> Iterator[FieldViolation]:
    match value:
        case Cash():
            yield from cash_violations(value, path)
        case Fraction():
            if not 0 < value <= 1 or value.denominator > MAX_FRACTION_PART:
                yield FieldViolation(path, f"must be more than 0 and at most 1, its parts at most {MAX_FRACTION_PART}")
        case int():
            if not 1 <= value <= MAX_BENEFIT_DAYS:
                yield FieldViolation(path, f"must be between 1 and {MAX_BENEFIT_DAYS}")
        case str():
            most = _LONGEST[name]
            if not (1 <= len(value) <= most and value.isprintable()):
                yield FieldViolation(path, f"must have 1 to {most} printable characters")


def _partners(kind: PartnerTransfer, path: str) -> Iterator[FieldViolation]:
    for field, name in (("sender", kind.sender), ("receiver", kind.receiver)):
        if _PARTNER.fullmatch(name) is None:
            yield FieldViolation(f"{path}.{field}", "must be the name of a partner, such as partners/skyways")
    if kind.sender == kind.receiver:
        yield FieldViolation(f"{path}.receiver", "must be another partner than the sender")


def cash_violations(cash: Cash, field: str) -> Iterator[FieldViolation]:
    """Every bound of an amount that is broken, by the field's path."""
    if not 1 <= cash.minor_units <= MAX_CASH:
        yield FieldViolation(f"{field}.minor_units", "must be between 1 and 2^53")
    if not _CURRENCY.fullmatch(cash.currency):
        yield FieldViolation(f"{field}.currency_code", "must be an ISO 4217 code, three capital letters")
