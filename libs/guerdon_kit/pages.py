"""Paged lists (AIP-158): how long a page is, and the opaque token that says where the next one begins.

A token is no secret and grants nothing: filters and permissions are the request's own on every page. It names the
query it belongs to, so that a token of another list is refused instead of skipping rows silently.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TypeVar

from guerdon_kit.errors import InvalidField

DEFAULT_SIZE = 50
SIZE_MAX = 1000

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
"""Before and after all that a list ordered by time has."""

_TOKEN_LENGTH_MAX = 1000
_MICROSECOND = timedelta(microseconds=1)
_Row = TypeVar("_Row")
# Made once: `json.dumps` makes an encoder each time that it is given separators.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def page_size(asked: int, field: str = "page_size") -> int:
    """How many rows a page has at most: what was asked for, or 50 for 0.

    Raises:
        InvalidField: it is negative, or above 1,000.
    """
    if not 0 <= asked <= SIZE_MAX:
        raise InvalidField.of(field, "must be between 0 and 1,000")
    return asked or DEFAULT_SIZE


def write_token(query: tuple[str, ...], position: tuple[str | int, ...]) -> str:
    """The token of the page that begins after `position` in the list that `query` (method, parent, filters) gives."""
    return urlsafe_b64encode(_encode([_digest(query), *position]).encode()).decode()


def read_token(
    token: str, query: tuple[str, ...], kinds: tuple[type[str] | type[int], ...], field: str = "page_token"
) -> tuple[str | int, ...]:
    """The position in a token that `write_token` made for the same `query`; its parts are of these `kinds`.

    Raises:
        InvalidField: it is no such token.
    """
    try:
        if len(token) > _TOKEN_LENGTH_MAX:
            raise ValueError
        digest, *position = json.loads(urlsafe_b64decode(token.encode("ascii")))
    except (ValueError, TypeError, RecursionError):
        raise InvalidField.of(field, "is not a token of this list") from None
    if digest != _digest(query) or tuple(map(type, position)) != kinds or not all(map(_storable, position)):
        raise InvalidField.of(field, "is not a token of this list, with these filters")
    return tuple(position)


def read_place(token: str, query: tuple[str, ...], first: datetime) -> tuple[datetime, str]:
    """The time and id next to which a page of a list ordered by both begins; without a token the first page's.

    Raises:
        InvalidField: it is no token of this list.
    """
    if not token:
        return first, ""
    micros, last_id = read_token(token, query, (int, str))
    try:
        return BEGINNING + int(micros) * _MICROSECOND, str(last_id)
    except OverflowError:
        raise InvalidField.of("page_token", "is not a token of this list") from None


def write_place(query: tuple[str, ...], time: datetime, last_id: str) -> str:
    """The token of the page that goes on after the row of that time and id."""
    return write_token(query, ((time - BEGINNING) // _MICROSECOND, last_id))


def cut(
    found: Sequence[_Row], size: int, query: tuple[str, ...], place: Callable[[_Row], tuple[datetime, str]]
) -> tuple[list[_Row], str]:
    """The page that `found` has, where one row more than `size` was asked for, and the token of the next one, empty
    where there is none. `place` says by which time and id a row is ordered.
    """
    page = list(found[:size])
    return page, write_place(query, *place(page[-1])) if len(found) > size else ""


def _storable(part: str | int) -> bool:
    """Whether PostgreSQL takes it: a caller can write into a token what no list put there."""
    return part.isprintable() if isinstance(part, str) else -(2**63) <= part < 2**63


def _digest(query: tuple[str, ...]) -> str:
    return blake2b(json.dumps(query).encode(), digest_size=6).hexdigest()
