"""Where a page of things ordered by time and id begins, as a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from guerdon_kit import pages
from guerdon_kit.errors import InvalidField

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def read_place(token: str, query: tuple[str, ...], first: datetime) -> tuple[datetime, str]:
    """The time and id next to which a page begins; without a token the first page's.

    Raises:
        InvalidField: it is no token of this list.
    """
    if not token:
        return first, ""
    micros, last_id = pages.read_token(token, query, (int, str))
    try:
        return BEGINNING + int(micros) * _MICROSECOND, str(last_id)
    except OverflowError:
        raise InvalidField.of("page_token", "is not a token of this list") from None


def write_place(query: tuple[str, ...], time: datetime, last_id: str) -> str:
    """The token of the page that goes on after the row of that time and id."""
    return pages.write_token(query, ((time - BEGINNING) // _MICROSECOND, last_id))
