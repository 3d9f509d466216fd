"""Exact numbers from the contract."""

from __future__ import annotations

from fractions import Fraction

from guerdon.type.v1 import rational_pb2
from guerdon_kit.errors import InvalidField


def fraction(message: rational_pb2.Rational, field: str) -> Fraction:
    """An exact number.

    Raises:
        InvalidField: it is none.
    """
    if message.denominator < 1:
        raise InvalidField.of(f"{field}.denominator", "must be at least 1")
    return Fraction(message.numerator, message.denominator)
