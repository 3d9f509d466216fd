"""Ids that callers give: of members, purchases and returns."""

from __future__ import annotations

import re
from collections.abc import Callable

from guerdon_kit.errors import InvalidField

ID_LENGTH_MAX = 60
"""Three characters less than a name's id may have: the ledger's account and request ids lead with a prefix."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_~-]{0,59}")

is_id: Callable[[str], re.Match[str] | None] = _ID.fullmatch
"""Whether a text may be an id; truthy if so. A bound method: an import asks it twice a row."""

ID_RULE = "must be 1 to 60 of A-Z a-z 0-9 _ ~ -, a letter or digit first"

is_member_id: Callable[[str], re.Match[str] | None] = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}").fullmatch
"""Whether a text may be the id of a member, likewise."""

MEMBER_ID_RULE = "must be 1 to 60 of A-Z a-z 0-9 _ -, a letter or digit first: a member's wallets are told by ~"


def check_id(value: str, field: str) -> str:
    """`value`, if it may be an id.

    Raises:
        InvalidField: it may not; the violation names `field`.
    """
    if is_id(value) is None:
        raise InvalidField.of(field, ID_RULE)
    return value


def check_member_id(value: str, field: str) -> str:
    """`value`, if it may be the id of a member: `ada~cash` would be the account of ada's wallet for cash.

    Raises:
        InvalidField: it may not; the violation names `field`.
    """
    if is_member_id(value) is None:
        raise InvalidField.of(field, MEMBER_ID_RULE)
    return value
