"""Codes that members are sent and tokens that their apps show, to consent with once."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

CODE_LIFE = timedelta(minutes=10)
CODE_TRIES_MAX = 3
"""Wrong codes, after which the right one is worthless. With `CODES_MAX` an hour: one guess in 60,000 gets through."""
CODES_MAX = 5
"""The most codes of a member within `CODES_WITHIN`."""
CODES_WITHIN = timedelta(hours=1)
TOKEN_LIFE = timedelta(minutes=2)
TOKEN_BYTES = 24


class Made(NamedTuple):
    """How many codes were made since a time."""

    since: datetime
    number: int

    @property
    def reset_time(self) -> datetime:
        """From when on they do not count any more."""
        return self.since + CODES_WITHIN


def one_more(before: Made | None, now: datetime) -> Made | None:
    """With another code; None where there are as many as may be."""
    if before is None or now >= before.reset_time:
        return Made(now, 1)
    return before._replace(number=before.number + 1) if before.number < CODES_MAX else None


def new_code() -> str:
    """Six digits. They are kept as a PIN is: to try all of them against its hash takes longer than they are good."""
    return f"{secrets.randbelow(10**6):06}"


def new_token() -> str:
    """A text that nobody guesses, of 32 characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """A token as it is kept. It has enough of chance in it to need no salt."""
    return sha256(token.encode()).digest()
