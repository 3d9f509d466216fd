"""Where a page of what is listed newest first begins: after a time and an id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from guerdon_kit.errors import InvalidField
from guerdon_kit.pages import read_token, write_token

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEWEST = (datetime(9999, 12, 31, tzinfo=UTC), "")


def read_position(token: str, query: tuple[str, ...]) -> tuple[datetime, str]:
    """The time and the id after which the page of this token begins; for none, those that come before everything.

    Raises:
        InvalidField: it is no token of this query.
    """
    if not token:
        return _NEWEST
    microseconds, before = read_token(token, query, (int, str))
    try:
        return _EPOCH + timedelta(microseconds=int(microseconds)), str(before)
    except OverflowError:
        raise InvalidField.of("page_token", "is not a token of this list") from None


def write_position(query: tuple[str, ...], time: datetime, id_: str) -> str:
    """The token of the page that begins after them."""
    return write_token(query, ((time - _EPOCH) // timedelta(microseconds=1), id_))
