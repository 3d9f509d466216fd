"""What a point is worth where people are employed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from guerdon_kit.errors import FieldViolation
from recognition.domain.profiles import COUNTRY

COUNTRIES_MAX = 250
TERM_MAX = 10**9

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class CountryValue:
    """What a point is worth in a country: `minor_units` of the currency for each smallest part of the unit. Where $1 is
    10 points of a unit without decimals that is 10 cents.
    """

    country: str
    currency_code: str
    minor_units: Fraction

    def worth(self, amount: int) -> int:
        """What so many points are worth, in the currency's minor units, to the nearest one; a half counts as one."""
        return int((amount * self.minor_units + Fraction(1, 2)) // 1)


def country_violations(field: str, countries: Sequence[CountryValue]) -> list[FieldViolation]:
    """What is out of its bounds."""
    found = []
    if len(countries) > COUNTRIES_MAX:
        found.append(FieldViolation(field, "must be at most 250"))
    seen: set[str] = set()
    for index, value in enumerate(countries[:COUNTRIES_MAX]):
        path = f"{field}[{index}]"
        if COUNTRY.fullmatch(value.country) is None:
            found.append(FieldViolation(f"{path}.country", "must be two capital letters, as in ISO 3166-1"))
        elif value.country in seen:
            found.append(FieldViolation(f"{path}.country", "is there twice"))
        seen.add(value.country)
        if _CURRENCY.fullmatch(value.currency_code) is None:
            found.append(FieldViolation(f"{path}.currency_code", "must be three capital letters, as in ISO 4217"))
        if not (0 < value.minor_units.numerator <= TERM_MAX and value.minor_units.denominator <= TERM_MAX):
            found.append(
                FieldViolation(f"{path}.minor_units_per_point", "must be more than 0, with terms of at most 10^9")
            )
    return found
