"""What a reward is, as the database keeps it: the kind's name, and what that kind needs as JSON without floats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from fractions import Fraction
from typing import Any

from rewards_catalog.domain.kinds import KIND_NAMES, KINDS, Cash, Kind

Details = Mapping[str, Any]


def kind_columns(kind: Kind | None) -> tuple[str | None, Details | None]:
    """The name of the kind and its details; None where the catalog does not know what the reward is."""
    if kind is None:
        return None, None
    return KIND_NAMES[type(kind)], {field.name: _written(getattr(kind, field.name)) for field in fields(kind)}


def kind_from(name: str | None, details: Details | None) -> Kind | None:
    """The kind that `kind_columns` wrote."""
    if name is None or details is None:
        return None
    return KINDS[name](**{field: _read(value) for field, value in details.items()})


def _written(value: object) -> object:
    match value:
        case Cash(minor_units, currency):
            return {"minor_units": minor_units, "currency": currency}
        case Fraction():
            return {"numerator": value.numerator, "denominator": value.denominator}
        case datetime():
            return {"time": value.isoformat()}
        case _:
            return value


def _read(value: Any) -> Any:
    match value:
        case {"minor_units": minor_units, "currency": currency}:
            return Cash(minor_units, currency)
        case {"numerator": numerator, "denominator": denominator}:
            return Fraction(numerator, denominator)
        case {"time": time}:
            return datetime.fromisoformat(time)
        case _:
            return value
