"""Secrets at rest: sealed with AES-256-GCM, by keys that a file of this service holds.

    {"current": "k1", "keys": {"k1": "<base64 of 32 bytes>"}}

To rotate, add a key and make it current; keep the old ones for as long as what they sealed is to be read. What a secret
is bound to is part of its seal, so that a sealed one that was moved to another row does not open.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12


class KeysUnusable(Exception):
    """A file of keys is missing, malformed, or readable by others. A service does not start with it."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as a database keeps it; `key_id` says which key opens it."""

    key_id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealingKeys:
    """Keys by id; what is new is sealed with `current`."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.keys:
            raise ValueError("the current key is not among the keys")
        if any(len(key) != KEY_BYTES for key in self.keys.values()):
            raise ValueError(f"every key must have {KEY_BYTES} bytes")

    @classmethod
    def read(cls, path: Path) -> Self:
        """The keys in the file.

        Raises:
            KeysUnusable: it is missing, malformed, or not its owner's alone.
        """
        kept = read_key_file(path)
        try:
            return cls(kept["current"], {key_id: decode_key(text) for key_id, text in kept["keys"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KeysUnusable(f"{path} is malformed") from error  # and not how: it holds keys

    def seal(self, secret: str, *bound: str) -> Sealed:
        """The secret as a database keeps it, for what it is bound to only."""
        return Sealed(self.current, encrypt(self.keys[self.current], secret, *(part.encode() for part in bound)))

    def open(self, kept: Sealed, *bound: str) -> str:
        """The secret again.

        Raises:
            KeyError: the key it was sealed with is not among the keys.
            cryptography.exceptions.InvalidTag: it was altered, or is bound to something else.
        """
        return decrypt(self.keys[kept.key_id], kept.sealed, *(part.encode() for part in bound))


def encrypt(key: bytes, secret: str, *bound: bytes) -> bytes:
    """The nonce, then the secret under the key."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(key).encrypt(nonce, secret.encode(), joined(*bound))


def decrypt(key: bytes, sealed: bytes, *bound: bytes) -> str:
    """What `encrypt` was given.

    Raises:
        cryptography.exceptions.InvalidTag: it was altered, is under another key, or bound to something else.
    """
    return _cipher(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], joined(*bound)).decode()


def joined(*parts: bytes) -> bytes:
    """The parts with their lengths before them, so that no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def read_key_file(path: Path) -> dict[str, Any]:
    """What a file of keys holds.

    Raises:
        KeysUnusable: it is missing, no JSON object, or not its owner's alone.
    """
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise KeysUnusable(f"{path} can be read or written by others: give it mode 0600")
            kept = json.load(file)
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeysUnusable(f"{path} is malformed") from error
    if not isinstance(kept, dict):
        raise KeysUnusable(f"{path} is malformed")
    return kept


def make_key_file(path: Path, **more: str) -> None:
    """Makes the file with a fresh key, and with `more`, unless it is there. Workers may do so at once: one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump({"current": "k1", "keys": {"k1": fresh_key()}, **more}, file)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        Path(unfinished).unlink()


def fresh_key() -> str:
    """A key as a file has it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")


def decode_key(text: str) -> bytes:
    """A key of a file.

    Raises:
        ValueError, TypeError: it is none.
    """
    return base64.b64decode(text, validate=True)


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    """Made once for each key: making it takes longer than sealing with it."""
    return AESGCM(key)
