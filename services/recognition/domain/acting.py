"""On whose behalf a request is made."""

from __future__ import annotations

from dataclasses import dataclass

ACT_FOR_SCOPE = "recognition.act_for"


@dataclass(frozen=True, slots=True)
class Acting:
    """The caller as this service knows people: `identity` is whom the token names (`issuer|subject`), `acts_for`
    whether the caller may name somebody else, and `actor` whom writes are booked to.
    """

    identity: str
    acts_for: bool
    actor: str
