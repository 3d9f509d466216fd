"""Linked members: accounts at two brands that are one person's, between whom points may be exchanged.

A link is made by a code, which the one brand gives its member and the member gives the other, once. It can be used when
its cooling-off is over, which begins anew when a brand changes how the member is reached: whoever takes an account over
has to wait for as long as its owner has time to notice.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from guerdon_kit.errors import InvalidField
from guerdon_kit.names import check_id
from partner_exchange.domain.errors import LinkCoolingOff, LinkLimit, NotLinked
from partner_exchange.domain.member_names import MemberName

CODE_LASTS = timedelta(minutes=10)
COOLING_OFF_HOURS = 24
COOLING_OFF_HOURS_MAX = 720
LINKS_PER_YEAR = 3
LINKS_PER_YEAR_MAX = 100
YEAR = timedelta(days=365)
REFERENCE_MAX = 100
_CODE_BYTES = 16
_CODE_MAX = 64


@dataclass(frozen=True, slots=True)
class LinkPolicy:
    """What a coalition asks of exchanges, and of links that are made from then on."""

    optional: bool = False
    """Exchanges need neither a link nor a member's authorization."""
    cooling_off: timedelta = timedelta(hours=COOLING_OFF_HOURS)
    links_per_year: int = LINKS_PER_YEAR
    """How often an account may be linked with accounts of one other brand within 365 days."""


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """A member's account at a partner, by their ids."""

    partner: str
    account: str


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a link, as its brand said."""

    account: Account
    consent: str
    """The brand's own reference of the member's consent."""


@dataclass(frozen=True, slots=True)
class LinkCode:
    """What a member takes from the one brand to the other."""

    side: Side
    name: MemberName
    coalition_id: str
    expire_time: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """Two linked accounts, in the order of their partners' ids."""

    link_id: str
    sides: tuple[Side, Side]
    create_time: datetime
    usable_time: datetime
    unlink_time: datetime | None = None

    def side_of(self, partner_id: str) -> Side | None:
        """A partner's side, where it has one."""
        return next((side for side in self.sides if side.account.partner == partner_id), None)

    def other_side(self, partner_id: str) -> Side:
        """The side that is not the partner's."""
        return self.sides[1] if self.sides[0].account.partner == partner_id else self.sides[0]


def new_code() -> str:
    """A code that nobody guesses."""
    return secrets.token_urlsafe(_CODE_BYTES)


def code_digest(code: str) -> bytes:
    """What is kept of a code: it is too long for a slower hash to make a difference.

    Raises:
        InvalidField: it is none.
    """
    if not 1 <= len(code) <= _CODE_MAX or not code.isascii():
        raise InvalidField.of("code", "is no code that a partner was given")
    return sha256(code.encode()).digest()


def check_side(side: Side) -> None:
    """Checks what a brand says of its side.

    Raises:
        InvalidField: the account is no id, or the reference has no or too many characters.
    """
    check_id(side.account.account, "account_id")
    check_reference(side.consent, "consent_reference")


def check_reference(reference: str, field: str) -> None:
    """Checks a brand's reference of what its member said.

    Raises:
        InvalidField: it has no or too many characters, or some that do not print.
    """
    if not 1 <= len(reference) <= REFERENCE_MAX or not reference.isprintable():
        raise InvalidField.of(field, f"must have 1 to {REFERENCE_MAX} printable characters")


def check_relinking(made: Sequence[datetime], policy: LinkPolicy) -> None:
    """Whether an account may be linked with the other brand once more; `made` are when it was within a year, newest
    first.

    Raises:
        LinkLimit: it may not, until the oldest of them is a year ago.
    """
    if len(made) >= policy.links_per_year:
        freed = made[policy.links_per_year - 1] + YEAR
        raise LinkLimit(limit=policy.links_per_year, used=len(made), reset_time=freed.isoformat())


def check_usable(usable_time: datetime | None, now: datetime) -> None:
    """Whether an exchange may go by a link; None: there is none.

    Raises:
        NotLinked, LinkCoolingOff: it may not.
    """
    if usable_time is None:
        raise NotLinked
    if now < usable_time:
        raise LinkCoolingOff(usable_time=usable_time.isoformat())
