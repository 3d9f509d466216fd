"""A program's membership settings, and the bounds they must keep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from guerdon_kit.errors import FieldViolation, InvalidField
from membership.domain.availability import DAYS_MAX, Availability
from membership.domain.calendar import Calendar, ExpiryPolicy
from membership.domain.conditions import PURCHASES_NOT_COUNTED, Phrase
from membership.domain.ids import is_id
from membership.domain.reminders import violations as reminder_violations
from membership.domain.rules import MULTIPLIER_PART_MAX, Rule, excessive
from membership.domain.rules import violations as rule_violations
from membership.domain.tier_policy import PLAIN, TierPolicy
from membership.domain.tiers import Tier, TierSet

POINTS_MAX = 2**53
TIERS_MAX = 20
WELCOME_POINTS_MAX = 10**9
CLAIM_DAYS_MAX = 3_660
RETURN_WAIT_DAYS = 30
RETURN_WAIT_DAYS_MAX = 3_660
LATE_DAYS_MAX = 90

_AS_ONE = "cannot be a rule's own with late_days: what an award becomes when it is rated anew has the program's times"
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Settings:
    """What a program promises its members. Amounts are minor units of `currency_code`."""

    program_id: str
    unit_id: str
    currency_code: str
    rule: Rule
    """The program's first rule."""
    expiry: ExpiryPolicy | None
    welcome_points: int
    tiers: tuple[Tier, ...]
    claim_days: int = 0
    """For how many days after its own a guest's purchase can be claimed; 0: none is kept."""
    tier_policy: TierPolicy = PLAIN
    mild_returns: bool = False
    return_wait_days: int = RETURN_WAIT_DAYS
    """For how many days a return waits for its purchase."""
    expiry_reminder_days: tuple[int, ...] = ()
    """How many days before points expire it is told."""
    purchase_statistics: bool = False
    """Whether what each member buys is counted."""
    late_days: int = 0
    """For how many days after its own an event that comes late has its member's later ones rated anew; 0: never."""
    return_window_days: int = 0
    """For how many days goods can be brought back; 0: it is not said."""
    availability: Availability | None = None
    """When points of purchases can first be spent; None: at once."""
    never_locked: bool = False
    """Whether points of purchases can become cash while the goods can be brought back."""
    welcome_reward: str = ""
    """The id of the reward that the catalog gives to who enrols; empty for none."""


@dataclass(frozen=True)
class Program:
    """A program as stored, under its number."""

    program_no: int
    settings: Settings
    time_zone: str
    create_time: datetime

    @property
    def name(self) -> str:
        """The program's resource name."""
        return f"programs/{self.settings.program_id}"

    @property
    def has_timelines(self) -> bool:
        """Whether what comes late is put into its place."""
        return self.settings.late_days > 0

    @property
    def locks(self) -> bool:
        """Whether points of purchases are locked until the return window closes."""
        return self.settings.return_window_days > 0 and not self.settings.never_locked

    @cached_property
    def tier_set(self) -> TierSet:
        """The tiers."""
        return TierSet(self.settings.tiers)

    @cached_property
    def calendar(self) -> Calendar:
        """The program's calendar."""
        return Calendar(self.time_zone)


def check(settings: Settings) -> Settings:
    """`settings`, if every bound is kept.

    Raises:
        InvalidField: with all violations, by the contract's field paths.
    """
    violations = list(_violations(settings))
    if violations:
        raise InvalidField(violations)
    return settings


def violations_of(rule: Rule, settings: Settings) -> list[FieldViolation]:
    """What is wrong with a rule in a program of such settings, by the fields of the contract's `EarningRule`."""
    found = [*rule_violations(rule), *excessive(rule, [tier.multiplier for tier in settings.tiers])]
    if not found and rule.condition and not settings.purchase_statistics and Phrase.of(rule.condition).of_purchases:
        found.append(FieldViolation("condition", PURCHASES_NOT_COUNTED))
    elif not found and settings.late_days:
        own = {} if rule.unit else {"availability": rule.availability, "expiry_policy": rule.expiry}
        found.extend(FieldViolation(name, _AS_ONE) for name, value in own.items() if value is not None)
    if rule.unit == settings.unit_id:
        found.append(FieldViolation("unit", "must be absent for the program's own"))
    if not found and rule.has_times:
        availability = rule.availability or settings.availability or Availability()
        expiry = rule.expiry or (None if rule.unit else settings.expiry)
        found.extend(availability.violations("availability", settings.return_window_days, expiry))
    return found


def _violations(settings: Settings) -> Iterator[FieldViolation]:
    if not _CURRENCY.fullmatch(settings.currency_code):
        yield FieldViolation("program.currency_code", "must be an ISO 4217 code, three capital letters")
    if not 0 <= settings.welcome_points <= WELCOME_POINTS_MAX:
        yield FieldViolation("program.welcome_points", "must be between 0 and 10^9")
    if not 0 <= settings.claim_days <= CLAIM_DAYS_MAX:
        yield FieldViolation("program.claim_days", "must be between 0 and 3660")
    if not 1 <= settings.return_wait_days <= RETURN_WAIT_DAYS_MAX:
        yield FieldViolation("program.return_wait_days", "must be between 0 and 3660")
    if not 0 <= settings.late_days <= LATE_DAYS_MAX:
        yield FieldViolation("program.late_days", "must be between 0 and 90")
    yield from _time_violations(settings)
    yield from settings.tier_policy.violations()
    yield from reminder_violations(settings.expiry_reminder_days)
    if not settings.rule.outcome.is_base:
        yield FieldViolation("program.earning_rule", "must be a base rule")
    if settings.rule.unit:
        yield FieldViolation("program.earning_rule.unit", "must be absent: the first rule gives the program's points")
    for one in violations_of(settings.rule, settings):
        yield FieldViolation(f"program.earning_rule.{one.field}", one.description)
    yield from _tier_violations(settings.tiers)


def _time_violations(settings: Settings) -> Iterator[FieldViolation]:
    window, expiry = settings.return_window_days, settings.expiry
    if not 0 <= window <= DAYS_MAX:
        yield FieldViolation("program.return_window_days", f"must be between 0 and {DAYS_MAX}")
    elif settings.availability is not None:
        yield from settings.availability.violations("program.availability", window, expiry)
        if settings.late_days and settings.availability.on_event is not None:
            yield FieldViolation(
                "program.availability.on_event", "cannot be with late_days: late events credit by days"
            )
    if expiry is not None:
        yield from expiry.violations("program.expiry_policy", of_program=True)


def _tier_violations(tiers: Sequence[Tier]) -> Iterator[FieldViolation]:
    if len(tiers) > TIERS_MAX:
        yield FieldViolation("program.tiers", f"must be at most {TIERS_MAX}")
    if len({tier.tier_id for tier in tiers}) < len(tiers):
        yield FieldViolation("program.tiers", "must have different tier_ids")
    before = -1
    for place, tier in enumerate(tiers):
        path = f"program.tiers[{place}]"
        if not is_id(tier.tier_id):
            yield FieldViolation(f"{path}.tier_id", "must be 1 to 60 of A-Z a-z 0-9 _ ~ -, a letter or digit first")
        if not 0 <= tier.threshold <= POINTS_MAX:
            yield FieldViolation(f"{path}.threshold", "must be between 0 and 2^53")
        elif tier.threshold <= before:
            yield FieldViolation(f"{path}.threshold", "must be above the threshold of the tier before")
        if tier.multiplier < 1 or max(tier.multiplier.as_integer_ratio()) > MULTIPLIER_PART_MAX:
            yield FieldViolation(f"{path}.multiplier", "must be at least 1, numerator and denominator at most 10^6")
        before = max(before, tier.threshold)
