"""Holdout groups: members who get nothing, so that the effect on the others can be read."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from hashlib import sha256

from guerdon_kit.errors import FieldViolation

SHARE_PART_MAX = 10**6


def held_out(name: str, member_name: str, share: Fraction) -> bool:
    """Whether a member belongs to the holdout group of what has this resource name, by a hash of both names: everybody
    finds the same at any time, a larger group has the smaller one in it, and groups of different things are
    independent.
    """
    if not share:
        return False
    drawn = int.from_bytes(sha256(f"{name} {member_name}".encode()).digest()[:8], "big")
    return drawn * share.denominator < share.numerator << 64


def share_violations(share: Fraction) -> Iterator[FieldViolation]:
    """What is wrong with the share of members that are held out."""
    if not 0 <= share < 1 or share.denominator > SHARE_PART_MAX:
        yield FieldViolation("holdout_share", "must be at least 0, below 1, the denominator at most 10^6")
