"""Leavers: until when they keep what they earned, and what becomes of it then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from zoneinfo import ZoneInfo

from guerdon_kit.errors import InvalidField
from recognition.domain.countries import CountryValue
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.people import person_name

DAYS_MAX = 3660
MINOR_UNITS_MAX = 2**63 - 1

INSUFFICIENT = "INSUFFICIENT_POINTS"
"""How the ledger says that points were used since it was looked; it says so for ever to the same request."""


class LeaverMode(Enum):
    """What becomes of it. Stored by value."""

    KEEP = "keep"
    """It is kept for some days, or for ever; then it lapses."""
    PAY_OUT = "pay_out"
    """After some days it is paid out."""


class SettlementState(Enum):
    """How far a settlement is. Stored by value."""

    PENDING = "pending"
    """Taken in; the ledger has not said."""
    POSTED = "posted"
    """The points have moved. Final."""
    REFUSED = "refused"
    """Nothing has moved, and nothing will. Final."""


@dataclass(frozen=True, slots=True)
class LeaverTerms:
    """What becomes of it after how many days; None: never."""

    mode: LeaverMode
    days: int | None

    def check(self) -> None:
        """Whether there can be such terms.

        Raises:
            InvalidField: the days are out of their bounds.
        """
        field = "leaver_policy.days"
        if self.mode is LeaverMode.KEEP and self.days is not None and not 1 <= self.days <= DAYS_MAX:
            raise InvalidField.of(field, "must be between 1 and 3,660, or absent")
        if self.mode is LeaverMode.PAY_OUT and (self.days is None or not 0 <= self.days <= DAYS_MAX):
            raise InvalidField.of(field, "must be between 0 and 3,660")

    def keep_end_time(self, leave_time: datetime, zone: str) -> datetime | None:
        """Until when who left then keeps what they earned: the same time of day in `zone` (an IANA name), so many days
        later. Where clocks are put on over that time it is as if they had not been yet. None: for ever.
        """
        if self.days is None:
            return None
        until = (leave_time.astimezone(ZoneInfo(zone)) + timedelta(days=self.days)).astimezone(UTC)
        return max(until, leave_time)  # in the hour that clocks have twice, the time of day is that of the first one


KEPT = LeaverTerms(LeaverMode.KEEP, None)
"""What holds where nothing was said."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """A time that a person left, with what held then; without a `return_time` they are away. `rewards_account_id` is an
    account's within the program of the organisation, `country` where they are employed now.
    """

    organisation: str
    person: str
    display_name: str
    leave_time: datetime
    return_time: datetime | None
    terms: LeaverTerms
    time_zone: str
    rewards_account_id: str
    country: str

    @property
    def name(self) -> str:
        """The resource name of the person."""
        return person_name(self.organisation, self.person)

    @property
    def keep_end_time(self) -> datetime | None:
        """Until when they keep what they earned; None: for ever."""
        return self.terms.keep_end_time(self.leave_time, self.time_zone)

    def due(self, now: datetime) -> bool:
        """Whether what they have is to be settled at `now`."""
        until = self.keep_end_time
        return self.return_time is None and until is not None and until <= now

    def next_look(self, now: datetime, pause: timedelta) -> datetime | None:
        """When to look again at what they have, at `now`: when their time is over, and after that for what came in
        since, each time after a `pause`. None: never.
        """
        until = self.keep_end_time
        if self.return_time is not None or until is None:
            return None
        return until if until > now else now + pause


@dataclass(frozen=True, slots=True)
class Settlement:
    """Points that are taken off a leaver. `worth` says what each point was worth where the person was employed, if they
    are paid out and the organisation had said. `transaction` is the ledger's, once POSTED.
    """

    id: str
    mode: LeaverMode
    amount: int
    country: str
    worth: CountryValue | None
    transaction: str = ""
    settle_time: datetime | None = None

    @property
    def request_id(self) -> str:
        """The id under which the ledger is asked, always the same for one settlement. A settlement's id is unguessable,
        so that no other of the program has it.
        """
        return f"leaver-{self.id}"

    @property
    def minor_units(self) -> int | None:
        """What is to be paid, in the currency's minor units: rounded once."""
        return None if self.worth is None else self.worth.worth(self.amount)


def settlement(id_: str, leaving: Leaving, available: int, worth: CountryValue | None) -> Settlement:
    """What is taken off a leaver who has `available` points (more than 0), each worth so much: all of them, as far as
    one transaction and one amount of money go.
    """
    if leaving.terms.mode is LeaverMode.KEEP:
        worth = None
    amount = min(available, POINTS_MAX)
    if worth is not None:
        amount = min(amount, int(Fraction(MINOR_UNITS_MAX) / worth.minor_units))
    return Settlement(id_, leaving.terms.mode, amount, leaving.country, worth)


@dataclass(frozen=True, slots=True)
class Leaver:
    """A leaving as it is listed: with what the person can redeem now, and what was settled, earliest first."""

    leaving: Leaving
    available: int
    settlements: tuple[Settlement, ...]
