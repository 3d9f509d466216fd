"""What people received or redeemed, and what it is worth where they are employed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from recognition.domain.countries import CountryValue

RECOGNITION = "recognition"
"""The category of recognitions and add-ons; the others are the kinds of payouts."""


REDEMPTION = "redemption"
"""The one category of what is redeemed."""


class TaxableBasis(Enum):
    """What is taxed."""

    RECEIVED = "received"
    REDEEMED = "redeemed"


@dataclass(frozen=True, slots=True)
class Taxed:
    """How many points a person received in one category, or redeemed; `country` is empty where it is not known."""

    person: str
    display_name: str
    country: str
    category: str
    amount: int


@dataclass(frozen=True, slots=True)
class TaxableValue:
    """The same with its worth in minor units of a currency; None where nothing says what a point is worth there."""

    taxed: Taxed
    minor_units: int | None
    currency_code: str


def valued(taxed: Iterable[Taxed], countries: Mapping[str, CountryValue]) -> list[TaxableValue]:
    """Each row with its worth by the person's country."""
    found = []
    for one in taxed:
        value = countries.get(one.country)
        found.append(
            TaxableValue(one, None, "")
            if value is None
            else TaxableValue(one, value.worth(one.amount), value.currency_code)
        )
    return found
