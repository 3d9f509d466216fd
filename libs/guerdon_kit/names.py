"""Resource names (AIP-122): `programs/acme/accounts/m-42`."""

from __future__ import annotations

import re
from functools import lru_cache

from guerdon_kit.errors import InvalidField

ID = r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}"
"""What one id in a name may be: 1 to 63 characters, a letter or digit first."""

_ID = re.compile(ID)


@lru_cache(maxsize=256)
def _pattern(template: str) -> re.Pattern[str]:
    parts = [f"({ID})" if part.startswith("{") else re.escape(part) for part in template.split("/")]
    return re.compile("/".join(parts))


def parse(name: str, template: str, field: str = "name") -> tuple[str, ...]:
    """The ids of `name` in the order of `template`, such as `programs/{program}/accounts/{account}`.

    Raises:
        InvalidField: the name is not of that form; the violation names `field`.
    """
    match = _pattern(template).fullmatch(name)
    if match is None:
        raise InvalidField.of(field, f"must be of the form {template}, each id 1 to 63 of A-Z a-z 0-9 . _ ~ -")
    return match.groups()


def check_id(value: str, field: str) -> str:
    """`value`, if it may be one id of a name.

    Raises:
        InvalidField: it may not.
    """
    if _ID.fullmatch(value) is None:
        raise InvalidField.of(field, "must be 1 to 63 of A-Z a-z 0-9 . _ ~ -, a letter or digit first")
    return value


def tenant_of(name: str) -> str:
    """The tenant that a name begins with: `programs/acme` of `programs/acme/accounts/m-42`."""
    first = name.find("/")
    second = name.find("/", first + 1)
    return name if second < 0 else name[:second]
