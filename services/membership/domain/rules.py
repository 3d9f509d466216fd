"""Earning rules: what each may say, and what of a purchase it works on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.availability import Availability
from membership.domain.baskets import QUANTITY_MAX, WORD_MAX, Line, Part, What, is_word
from membership.domain.calendar import ExpiryPolicy
from membership.domain.conditions import CONDITION_MAX, Malformed, Phrase
from membership.domain.earning import AMOUNT_MAX, AWARD_MAX, EarningRule, Rounding, Terms
from membership.domain.ids import ID_RULE, is_id

RULES_MAX = 50
"""The most rules of a program that are not archived."""
VERSIONS_MAX = 1_000
"""The most versions of all rules of a program."""
BASE_RULE_ID = "base"
"""The rule of a program's settings."""
RATE_PART_MAX = 10**9
MULTIPLIER_PART_MAX = 10**6
EXCLUDED_MAX = 50
BUNDLE_MAX = 10
COUNT_MAX = 10_000
BASE_RATE_MAX = 10**6
CAP_MAX = 10**12
BONUS_MAX = 10**9
COOLDOWN_MAX_S = 10 * 366 * 24 * 3600


class Outcome(IntEnum):
    """What a rule gives. The values are stored."""

    SPEND = 1
    """Base: points for each minor unit."""
    ITEM = 2
    """Base: points for each piece."""
    LINE = 3
    """Base: points for each line."""
    VISIT = 4
    """Base: points for the purchase."""
    MULTIPLIER = 5
    BONUS = 6
    PIECE = 7
    """Of a rule that counts pieces: points for each minor unit of the one that completes the count."""
    REWARD = 8
    """A reward of the catalog."""

    @property
    def is_base(self) -> bool:
        """Whether multipliers work on it."""
        return self <= Outcome.VISIT


class Period(IntEnum):
    """What a cap counts together. The values are stored."""

    PURCHASE = 1
    DAY = 2
    WEEK = 3
    MONTH = 4
    YEAR = 5
    EVER = 6


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What is left out of the spend of a rule, and taken into it; see the contract's `Eligibility`."""

    excluded_categories: tuple[str, ...] = ()
    excluded_skus: tuple[str, ...] = ()
    before_discount: bool = False
    gift_cards: bool = False
    tax: bool = False
    shipping: bool = False

    def spend(self, part: Part, line: Line | None) -> int | None:
        """How much of a part is eligible, in minor units; None where it is left out altogether."""
        if part.what is What.TAX and not self.tax:
            return None
        if part.what is What.SHIPPING and not self.shipping:
            return None
        if line is not None and (line.category in self.excluded_categories or line.sku in self.excluded_skus):
            return None
        whole = part.gross if self.before_discount else part.net
        return max(0, whole - part.points - (0 if self.gift_cards else part.gift_cards))


class BundleItem(NamedTuple):
    """Pieces that a bundle has of an article or of a category: one of them is named."""

    sku: str
    category: str
    quantity: int

    def has(self, line: Line) -> bool:
        """Whether a line is of these goods."""
        return line.sku == self.sku if self.sku else line.category == self.category


class Count(NamedTuple):
    """How a rule counts what a member buys; see the contract's `Count`."""

    pieces: bool
    """Whether pieces are counted, instead of purchases."""
    number: int
    repeats: bool

    def due(self, counted: int) -> int:
        """How many awards a count comes to."""
        return counted // self.number if self.repeats else int(counted >= self.number)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a version of a rule says. `rate` is points for each minor unit, piece, line or purchase, the multiplier, or
    the points of the bonus, by `outcome`.
    """

    rule_id: str
    outcome: Outcome
    rate: Fraction
    rounding: Rounding = Rounding.DOWN
    round_each_line: bool = False
    minimum_spend: int = 0
    spend_increment: int = 1
    eligibility: Eligibility = Eligibility()
    exclusive: bool = False
    caps: tuple[tuple[Period, int], ...] = ()
    cooldown_s: int = 0
    condition: str = ""
    campaign: str = ""
    """The id of the campaign that it belongs to."""
    bundle: tuple[BundleItem, ...] = ()
    count: Count | None = None
    availability: Availability | None = None
    """When its points can first be spent, if not as the program's."""
    expiry: ExpiryPolicy | None = None
    """When they expire, likewise."""
    unit: str = ""
    """The id of the unit that it gives, if not the program's points."""
    reward: str = ""
    """The id of the reward that it gives, of a REWARD."""

    @property
    def has_times(self) -> bool:
        """Whether its points have times of their own."""
        return self.availability is not None or self.expiry is not None

    @property
    def counts(self) -> bool:
        """Whether what it gave a member before matters."""
        return self.cooldown_s > 0 or any(period is not Period.PURCHASE for period, _ in self.caps)

    def plain(self) -> EarningRule | None:
        """The rule as one that works on an amount alone; None where it needs more than that."""
        if self.outcome is not Outcome.SPEND or self.caps or self.cooldown_s or self.condition or self.bundle:
            return None
        if self.has_times or self.unit:
            return None
        return EarningRule(self.rate, self.rounding, self.minimum_spend, self.spend_increment)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a rule as stored. `revision` is the program's: each change of its rules has the next one."""

    rule_no: int
    version: int
    revision: int
    rule: Rule
    archived: bool
    effective_us: int
    """From when on it is in force, in microseconds since 1970."""
    create_time: datetime


def excessive(rule: Rule, multipliers: Iterable[Fraction]) -> Iterator[FieldViolation]:
    """Whether the largest purchase could earn too much by a plain rule with the multipliers of tiers. Where rules
    stack, what exceeds that is cut instead.
    """
    plain = rule.plain()
    if plain is not None and any(sum(Terms(plain, one).points(AMOUNT_MAX)) > AWARD_MAX for one in multipliers):
        yield FieldViolation(
            "points_per_minor_unit",
            "with the multipliers of tiers, a purchase of 10^12 minor units may earn at most 10^13 points",
        )


def violations(rule: Rule) -> Iterator[FieldViolation]:
    """What is wrong with a rule, by the fields of the contract's `EarningRule`."""
    if not is_id(rule.rule_id):
        yield FieldViolation("name", f"its id {ID_RULE}")
    yield from _rate_violations(rule)
    if not 0 <= rule.minimum_spend <= AMOUNT_MAX:
        yield FieldViolation("minimum_spend", "must be between 0 and 10^12")
    if not 1 <= rule.spend_increment <= AMOUNT_MAX:
        yield FieldViolation("spend_increment", "must be between 0 and 10^12")
    elif rule.spend_increment > 1 and rule.outcome is not Outcome.SPEND:
        yield FieldViolation("spend_increment", "needs points_per_minor_unit")
    if rule.exclusive and rule.outcome is not Outcome.MULTIPLIER:
        yield FieldViolation("exclusive", "needs a multiplier")
    if not 0 <= rule.cooldown_s <= COOLDOWN_MAX_S:
        yield FieldViolation("cooldown", "must be whole seconds, between 1 second and 10 years")
    if rule.campaign and not is_id(rule.campaign):
        yield FieldViolation("campaign", f"its id {ID_RULE}")
    if rule.expiry is not None:
        yield from rule.expiry.violations("expiry_policy")
    yield from _other_outcomes(rule)
    yield from _list_violations(rule)
    yield from _count_violations(rule)
    yield from _condition_violations(rule)


def _other_outcomes(rule: Rule) -> Iterator[FieldViolation]:
    """What gives something else than points can be together with."""
    if rule.reward and (rule.unit or rule.has_times):
        yield FieldViolation("reward", "cannot be together with a unit, an availability or an expiry_policy")


def _list_violations(rule: Rule) -> Iterator[FieldViolation]:
    for name in ("excluded_categories", "excluded_skus"):
        words = getattr(rule.eligibility, name)
        if len(words) > EXCLUDED_MAX or not all(word and is_word(word) for word in words):
            most = f"must be at most {EXCLUDED_MAX} of 1 to {WORD_MAX} printable characters"
            yield FieldViolation(f"eligibility.{name}", most)
    if len({period for period, _ in rule.caps}) < len(rule.caps):
        yield FieldViolation("caps", "must be of different periods")
    if not all(1 <= points <= CAP_MAX for _, points in rule.caps):
        yield FieldViolation("caps", "must each be between 1 and 10^12 points")
    if len(rule.bundle) > BUNDLE_MAX:
        yield FieldViolation("bundle", f"must be at most {BUNDLE_MAX}")
    if not all((one.sku or one.category) and is_word(one.sku or one.category) for one in rule.bundle):
        yield FieldViolation("bundle", f"must each have a sku or a category of 1 to {WORD_MAX} printable characters")
    if not all(1 <= one.quantity <= QUANTITY_MAX for one in rule.bundle):
        yield FieldViolation("bundle", "must each have a quantity between 1 and 10,000")


def _count_violations(rule: Rule) -> Iterator[FieldViolation]:
    count = rule.count
    if count is None:
        if rule.outcome is Outcome.PIECE:
            yield FieldViolation("count", "is needed with piece_points_per_minor_unit")
        return
    if not 1 + count.repeats <= count.number <= COUNT_MAX:
        yield FieldViolation("count.number", "must be between 1 and 10,000, at least 2 where it repeats")
    if rule.outcome not in {Outcome.BONUS, Outcome.PIECE, Outcome.REWARD}:
        yield FieldViolation("count", "needs bonus_points, piece_points_per_minor_unit or a reward")
    if rule.outcome is Outcome.PIECE and not count.pieces:
        yield FieldViolation("count.counted", "must be COUNTED_PIECES with piece_points_per_minor_unit")
    if rule.caps or rule.cooldown_s:
        yield FieldViolation("count", "cannot be together with caps or a cooldown")
    if rule.has_times:
        yield FieldViolation("count", "cannot be together with an availability or an expiry_policy")


def _rate_violations(rule: Rule) -> Iterator[FieldViolation]:
    field, above, most, part_max = _RATES[rule.outcome]
    largest_part = max(abs(rule.rate.numerator), rule.rate.denominator)
    if above < rule.rate <= most and largest_part <= part_max:
        return
    if rule.outcome is Outcome.BONUS:
        yield FieldViolation(field, "must be between 1 and 10^9")
    else:
        bounds = (
            f"must be above {above}, at most {most:,}, numerator and denominator at most 10^{len(str(part_max)) - 1}"
        )
        yield FieldViolation(field, bounds)


_RATES = {
    Outcome.SPEND: ("points_per_minor_unit", 0, 10, RATE_PART_MAX),
    Outcome.ITEM: ("points_per_item", 0, BASE_RATE_MAX, RATE_PART_MAX),
    Outcome.LINE: ("points_per_line", 0, BASE_RATE_MAX, RATE_PART_MAX),
    Outcome.VISIT: ("points_per_visit", 0, BASE_RATE_MAX, RATE_PART_MAX),
    Outcome.MULTIPLIER: ("multiplier", 1, 1_000, MULTIPLIER_PART_MAX),
    Outcome.BONUS: ("bonus_points", 0, BONUS_MAX, BONUS_MAX),
    Outcome.PIECE: ("piece_points_per_minor_unit", 0, 1_000, RATE_PART_MAX),
    Outcome.REWARD: ("reward", 0, 1, 1),
}
"""The field of an outcome, above and up to which rate it may be, and the largest numerator and denominator of it."""


def _condition_violations(rule: Rule) -> Iterator[FieldViolation]:
    if not rule.condition:
        return
    if len(rule.condition) > CONDITION_MAX:
        yield FieldViolation("condition", f"must be at most {CONDITION_MAX} characters")
        return
    try:
        phrase = Phrase.of(rule.condition)
    except Malformed as error:
        yield FieldViolation("condition", str(error))
        return
    if phrase.of_line and rule.outcome is Outcome.VISIT:
        yield FieldViolation("condition", "cannot look at a line: points_per_visit are of the purchase")
