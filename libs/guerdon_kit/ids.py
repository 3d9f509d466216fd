"""Ids that a service makes itself."""

from __future__ import annotations

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter reads as another


def new_id(prefix: str) -> str:
    """An unguessable id of 100 random bits whose prefix says what it names, such as `rd-7h2…`."""
    bits = secrets.randbits(100)
    return prefix + "-" + "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(95, -5, -5))
