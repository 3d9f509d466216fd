"""PINs: what one is, and how it is kept."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from hashlib import scrypt
from hmac import compare_digest

PIN_TRIES_MAX = 5
"""Wrong PINs in a row, after which none is right until another is set."""
SALT_BYTES = 16

_PIN = re.compile(r"[0-9]{4,12}")


@dataclass(frozen=True, slots=True)
class Hashed:
    """A PIN as it is kept."""

    salt: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Try:
    """What a PIN is compared with, and how many more may be tried after it."""

    hashed: Hashed
    left: int


def is_pin(text: str) -> bool:
    """Whether it is 4 to 12 digits."""
    return _PIN.fullmatch(text) is not None


def hash_pin(pin: str) -> Hashed:
    """A PIN with a salt of its own. Takes tens of milliseconds, and 16 MiB."""
    salt = secrets.token_bytes(SALT_BYTES)
    return Hashed(salt, _scrypt(pin, salt))


def is_right(pin: str, hashed: Hashed) -> bool:
    """Whether it is the PIN. Takes as long as hashing one."""
    return compare_digest(_scrypt(pin, hashed.salt), hashed.hash)


def _scrypt(pin: str, salt: bytes) -> bytes:
    # The cost that scrypt's author gives for interactive logins. Somebody with the table guesses a short PIN all the
    # same; it is then good for nothing without the service, which counts the tries.
    return scrypt(pin.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
