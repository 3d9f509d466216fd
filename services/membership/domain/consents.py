"""Codes that members are sent and tokens that their apps show, to consent with once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

CODE_LIFE = timedelta(minutes=10)
CODE_TRIES_MAX = 3
"""Wrong codes, after which the right one is worthless. With `CODES_MAX` an hour: one guess in 60,000 gets through."""
CODES_MAX = 5
"""The most codes of a member within `CODES_WITHIN`, whenever that begins."""
CODES_WITHIN = timedelta(hours=1)
TOKEN_LIFE = timedelta(minutes=2)
TOKEN_BYTES = 24


def made_within(times: Iterable[datetime], now: datetime) -> list[datetime]:
    """When codes were made that count towards the limit, the oldest first: until that one is as old as `CODES_WITHIN`
    there are no more than `CODES_MAX`.
    """
    return sorted(time for time in times if now < time + CODES_WITHIN)


def new_code() -> str:
    """Six digits. They are kept as a PIN is: to try all of them against its hash takes longer than they are good."""
    return f"{secrets.randbelow(10**6):06}"


def new_token() -> str:
    """A text that nobody guesses, of 32 characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """A token as it is kept. It has enough of chance in it to need no salt."""
    return sha256(token.encode()).digest()
