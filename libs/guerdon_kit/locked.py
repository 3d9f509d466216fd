"""Points that can be spent on goods and do not become cash: how many have to be left in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Locked:
    """So many points are locked, as was found at a version of the account in the ledger: for as long as that is its
    version, and until a time, if there is one.
    """

    points: int
    account_version: int
    valid_until: datetime | None
