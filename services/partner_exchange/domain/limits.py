"""Limits of what a partner's members send, and the most that the partner may owe.

Points are the sender's. Days and months are those of the coalition's time zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from fractions import Fraction
from zoneinfo import ZoneInfo

from guerdon_kit.days import first_instant
from guerdon_kit.errors import FieldViolation, InvalidField
from guerdon_kit.names import check_id
from partner_exchange.domain.errors import DailyLimit, MonthlyLimit, NetDebitCap, VelocityLimit
from partner_exchange.domain.windows import AMOUNT_MAX

CAP_MAX = 10**18
VELOCITY_MAX = 1_000
VELOCITY_WITHIN_MAX = timedelta(days=1)
COVER_RATIO_MAX = 1_000
COVER_TERM_MAX = 10**9
PAIRS_MAX = 1_000
REASON_LENGTH_MAX = 200
_MINUTE = timedelta(minutes=1)


class Scope(Enum):
    """Whose exchanges a cap counts."""

    MEMBER = "MEMBER"
    """Those of one source account."""
    PAIR = "PAIR"
    """Those to one receiver."""
    PARTNER = "PARTNER"
    """All that the partner's members send."""


class Period(Enum):
    """In what time a cap counts them."""

    DAY = "DAY"
    MONTH = "MONTH"

    def begin(self, day: date) -> date:
        """The first day of the period that a day lies in."""
        return day if self is Period.DAY else day.replace(day=1)

    def end(self, begin: date) -> date:
        """The first day of the next one."""
        return begin + timedelta(days=1) if self is Period.DAY else (begin + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Cap:
    """The most points and exchanges; None: no limit."""

    points: int | None = None
    exchanges: int | None = None


NO_CAP = Cap()


@dataclass(frozen=True, slots=True)
class Velocity:
    """At most so many exchanges of a member within a time, wherever that begins."""

    exchanges: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a partner. `caps` are by scope, receiver (empty but of a pair) and period."""

    caps: Mapping[tuple[Scope, str, Period], Cap] = field(default_factory=dict)
    velocity: Velocity | None = None
    net_debit_cap: int | None = None
    """Minor units."""
    collateral: int | None = None
    """Minor units."""
    cover_ratio: Fraction = Fraction(1)
    """Minor units of collateral that each one owed needs."""

    @property
    def cover(self) -> int | None:
        """What the collateral covers, in minor units, rounded down; None where no cover is asked for."""
        return None if self.collateral is None else int(self.collateral / self.cover_ratio)

    @property
    def most_owed(self) -> int | None:
        """The most that the partner may owe, in minor units; None: as much as it comes to."""
        return min((most for most in (self.net_debit_cap, self.cover) if most is not None), default=None)

    @property
    def most_booked(self) -> int:
        """The same, or what a settlement can carry."""
        return AMOUNT_MAX if self.most_owed is None else min(self.most_owed, AMOUNT_MAX)


@dataclass(frozen=True, slots=True)
class Version:
    """Limits as they were set."""

    limits: Limits
    number: int
    """Counts from 1; 0: nothing was ever set."""
    actor: str = ""
    reason: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """That nothing is exchanged from one partner to another."""

    reason: str
    pause_time: datetime


@dataclass(frozen=True, slots=True)
class Counter:
    """One count that an exchange is booked in, and the cap it is held against."""

    scope: Scope
    subject: str
    """The member's account, the receiver of a pair; empty for the partner."""
    period: Period
    begin: date
    cap: Cap = NO_CAP

    @property
    def key(self) -> tuple[Scope, str, Period]:
        """What tells it from the others of its exchange."""
        return self.scope, self.subject, self.period


@dataclass(frozen=True, slots=True)
class Used:
    """What the exchanges of a count come to."""

    points: int = 0
    exchanges: int = 0


def check_limits(limits: Limits, receivers: Sequence[str]) -> None:
    """Checks the bounds of limits that are to be set; `receivers` are the pairs, as they were named.

    Raises:
        InvalidField: naming each field that is out of them.
    """
    violations = [*_wrong_pairs(receivers), *_wrong_caps(limits), *_wrong_velocity(limits.velocity)]
    for name, amount in (("net_debit_cap", limits.net_debit_cap), ("collateral", limits.collateral)):
        if amount is not None and not 0 <= amount <= CAP_MAX:
            violations.append(FieldViolation(f"limits.{name}", f"must be 0 to {CAP_MAX}"))
    ratio = limits.cover_ratio
    if not 1 <= ratio <= COVER_RATIO_MAX or ratio.denominator > COVER_TERM_MAX or ratio.numerator > COVER_TERM_MAX:
        violations.append(
            FieldViolation("limits.cover_ratio", f"must be 1 to {COVER_RATIO_MAX}, its terms at most {COVER_TERM_MAX}")
        )
    elif limits.net_debit_cap is not None and limits.cover is not None and limits.net_debit_cap > limits.cover:
        violations.append(FieldViolation("limits.net_debit_cap", f"must be at most what is covered: {limits.cover}"))
    if violations:
        raise InvalidField(violations)


def check_reason(reason: str) -> str:
    """The operator's words for a change.

    Raises:
        InvalidField: there are none, or too many, or they do not print.
    """
    if not 1 <= len(reason) <= REASON_LENGTH_MAX or not reason.isprintable():
        raise InvalidField.of("reason", f"must have 1 to {REASON_LENGTH_MAX} printable characters")
    return reason


def _wrong_pairs(receivers: Sequence[str]) -> Iterator[FieldViolation]:
    if len(receivers) > PAIRS_MAX:
        yield FieldViolation("limits.pairs", f"must be at most {PAIRS_MAX}")
    seen: set[str] = set()
    for number, receiver in enumerate(receivers):
        place = f"limits.pairs[{number}].receiver_id"
        check_id(receiver, place)
        if receiver in seen:
            yield FieldViolation(place, "is there twice")
        seen.add(receiver)


def _wrong_caps(limits: Limits) -> Iterator[FieldViolation]:
    for (scope, receiver, period), cap in limits.caps.items():
        for name, most in (("points", cap.points), ("exchanges", cap.exchanges)):
            if most is not None and not 1 <= most <= CAP_MAX:
                what = {Scope.MEMBER: "member", Scope.PAIR: f"pairs[{receiver}].caps", Scope.PARTNER: "total"}[scope]
                step = "daily" if period is Period.DAY else "monthly"
                yield FieldViolation(f"limits.{what}.{step}_{name}", f"must be 0 to {CAP_MAX}")


def _wrong_velocity(velocity: Velocity | None) -> Iterator[FieldViolation]:
    if velocity is None:
        return
    if not 1 <= velocity.exchanges <= VELOCITY_MAX:
        yield FieldViolation("limits.member_velocity.exchanges", f"must be 1 to {VELOCITY_MAX}")
    if not _MINUTE <= velocity.within <= VELOCITY_WITHIN_MAX or velocity.within % _MINUTE:
        yield FieldViolation("limits.member_velocity.within", "must be whole minutes, from one to a day")


def counters(limits: Limits, account: str, receiver: str, now: datetime, zone: ZoneInfo) -> list[Counter]:
    """The counts that an exchange of the account to the receiver is booked in, each with its cap."""
    today = now.astimezone(zone).date()
    subjects = {Scope.MEMBER: account, Scope.PAIR: receiver, Scope.PARTNER: ""}
    return [
        Counter(
            scope,
            subject,
            period,
            period.begin(today),
            limits.caps.get((scope, receiver if scope is Scope.PAIR else "", period), NO_CAP),
        )
        for scope, subject in subjects.items()
        for period in Period
    ]


def check_room(
    counts: Sequence[Counter], used: Mapping[tuple[Scope, str, Period], Used], points: int, zone: ZoneInfo
) -> None:
    """Whether one more exchange, of so many points, fits under every cap.

    Raises:
        DailyLimit, MonthlyLimit: it does not; the first cap that it would break.
    """
    for counter in counts:
        so_far = used.get(counter.key, Used())
        measures = (
            ("POINTS", counter.cap.points, so_far.points, points),
            ("EXCHANGES", counter.cap.exchanges, so_far.exchanges, 1),
        )
        for measure, limit, taken, requested in measures:
            if limit is not None and taken + requested > limit:
                refusal = DailyLimit if counter.period is Period.DAY else MonthlyLimit
                raise refusal(
                    scope=counter.scope.value,
                    measure=measure,
                    limit=limit,
                    used=taken,
                    requested=requested,
                    reset_time=first_instant(counter.period.end(counter.begin), zone).isoformat(),
                )


def check_velocity(velocity: Velocity, begun: Sequence[datetime]) -> None:
    """Whether a member may exchange once more; `begun` are when its exchanges within the time began, newest first, as
    many of them as the limit is.

    Raises:
        VelocityLimit: it may not, until the oldest of them has left the time.
    """
    if len(begun) >= velocity.exchanges:
        raise VelocityLimit(
            limit=velocity.exchanges,
            used=len(begun),
            requested=1,
            within_minutes=velocity.within // _MINUTE,
            reset_time=(begun[velocity.exchanges - 1] + velocity.within).isoformat(),
        )


def net_debit_refusal(partner_id: str, most: int, owed: Fraction, requested: Fraction) -> NetDebitCap:
    """What is said of an exchange by which a partner would owe too much: in minor units, rounded up."""
    return NetDebitCap(partner=f"partners/{partner_id}", cap=most, used=-(-owed // 1), requested=-(-requested // 1))
