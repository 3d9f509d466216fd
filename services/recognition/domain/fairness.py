"""Fairness: what an organisation's policies say of what one person gives others, and why.

What is given counts from the moment it is taken in until it is refused or taken back. Points are in the unit's smallest
part; periods are those of the organisation's zone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.organisations import POINTS_MAX
from recognition.domain.periods import PeriodKind

POSTS_MAX = 10_000
WITHIN_MAX = timedelta(days=31)
REVIEW_DAYS_DEFAULT = 14
REVIEW_DAYS_MAX = 90
DENOMINATOR_MAX = 10**6
TEXTS_MAX = 1000
"""Of how many newest recognitions of a giver the words are compared."""
_HOUR = timedelta(hours=1)


class Mode(Enum):
    """What becomes of what a policy objects to. Stored by value."""

    WARN = "warn"
    """It is given, and the answer says so."""
    HOLD = "hold"
    """It waits for somebody's decision."""
    BLOCK = "block"
    """It is refused."""


class Rule(Enum):
    """What a policy objects to. Stored by value."""

    PAIR_POINTS = "pair_points"
    """More than so many points from one person to another in a period."""
    PAIR_POSTS = "pair_posts"
    """The same of recognitions and add-ons."""
    POST_POINTS = "post_points"
    """More than so many points to each receiver at once."""
    RECIPROCITY = "reciprocity"
    """Points that go back and forth between two people in a period."""
    ALLOWANCE_SHARE = "allowance_share"
    """More than a part of one's allowance to one person."""
    REPEATED_TEXT = "repeated_text"
    """The words of an earlier recognition."""


_LIMIT_MAX = {Rule.PAIR_POINTS: POINTS_MAX, Rule.PAIR_POSTS: POSTS_MAX, Rule.POST_POINTS: POINTS_MAX}
BETWEEN_TWO = frozenset({Rule.PAIR_POINTS, Rule.PAIR_POSTS, Rule.RECIPROCITY, Rule.ALLOWANCE_SHARE})
"""The rules that count what was given in a time."""


class Span(Enum):
    """In what time a policy counts. Stored by value."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    ALLOWANCE = "allowance"
    """The period for which the giver was granted what they give."""

    @property
    def period(self) -> PeriodKind | None:
        """The calendar's period that it is; None for that of an allowance."""
        return None if self is Span.ALLOWANCE else PeriodKind(self.value)


@dataclass(frozen=True, slots=True)
class Policy:
    """One rule, what becomes of what breaks it, and the rule's numbers; those that it does not have are as here."""

    rule: Rule
    mode: Mode
    limit: int = 0
    """Points or posts."""
    part: Fraction = Fraction(0)
    """Of the allowance; or the reciprocity that is still fair."""
    from_amount: int = 0
    """Reciprocity is asked of from so many points on, in both directions."""
    span: Span = Span.MONTH
    within: timedelta = timedelta(0)
    """For how long words count as the same again."""
    same_receiver: bool = False
    """They only do to the same person."""


@dataclass(frozen=True, slots=True)
class Policies:
    """An organisation's policies as they were set; `version` counts how often, and is 0 where they never were. Somebody
    may decide about what they hold for `review_days` times 24 hours.
    """

    organisation: str
    policies: tuple[Policy, ...] = ()
    review_days: int = REVIEW_DAYS_DEFAULT
    version: int = 0
    actor: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gift:
    """Points for one receiver (the id of a person). Of an edit they are what is given more: `at_once` is then what the
    receiver gets with it in all, and `posts` 0 where they had some before.
    """

    receiver: str
    amount: int
    at_once: int
    posts: int = 1


@dataclass(frozen=True, slots=True)
class Act:
    """What is about to be given, with `words`; none where nothing new is said. `thanked` are those whom they are said
    to, where these are not who receives by it: with an edit.
    """

    gifts: tuple[Gift, ...]
    words: str
    thanked: tuple[str, ...] = ()

    @property
    def receivers(self) -> tuple[str, ...]:
        """Who receives."""
        return tuple(gift.receiver for gift in self.gifts)


@dataclass(frozen=True, slots=True)
class Between:
    """What the giver gave one person in a period, how often, and what came back."""

    points: int = 0
    posts: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """The words of an earlier recognition of the giver."""

    time: datetime
    words: str
    receivers: Collection[str]


@dataclass(frozen=True, slots=True)
class Given:
    """What counts beside an act: what was given before by span and receiver, where that is anything; what the giver was
    granted for the current period; and the giver's words, newest first.
    """

    between: Mapping[tuple[Span, str], Between] = field(default_factory=dict)
    granted_amount: int = 0
    said: Sequence[Said] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a policy objects to: `requested` on top of `used` is more than `limit`, which leaves `room`."""

    rule: Rule
    mode: Mode
    receiver: str
    limit: int
    used: int
    requested: int
    room: int


def judge(policies: Sequence[Policy], act: Act, given: Given, now: datetime) -> tuple[Finding, ...]:
    """What the policies object to, policy by policy and receiver by receiver."""
    return tuple(finding for policy in policies for finding in _judge(policy, act, given, now))


def normalised(words: str) -> str:
    """The letters, marks and digits of a text, whatever their case and form, with single spaces between words."""
    folded = unicodedata.normalize("NFKC", words).casefold()
    return " ".join("".join(one if unicodedata.category(one)[0] in "LMN" else " " for one in folded).split())


def _judge(policy: Policy, act: Act, given: Given, now: datetime) -> Iterator[Finding]:
    if policy.rule is Rule.REPEATED_TEXT:
        yield from _repeated(policy, act, given, now)
        return
    for gift in act.gifts:
        between = given.between.get((policy.span, gift.receiver), Between())
        limit, used, requested = _measured(policy, gift, between, given.granted_amount)
        if limit is not None and requested and used + requested > limit:
            yield Finding(policy.rule, policy.mode, gift.receiver, limit, used, requested, max(0, limit - used))


def _measured(policy: Policy, gift: Gift, between: Between, granted: int) -> tuple[int | None, int, int]:
    """What is allowed (None: anything), what was used of it, and what this adds."""
    match policy.rule:
        case Rule.PAIR_POINTS:
            return policy.limit, between.points, gift.amount
        case Rule.PAIR_POSTS:
            return policy.limit, between.posts, gift.posts
        case Rule.POST_POINTS:
            return policy.limit, 0, gift.at_once
        case Rule.ALLOWANCE_SHARE:
            return (int(granted * policy.part) if granted else None), between.points, gift.amount
    return _reciprocal(policy, between, gift.amount), between.points, gift.amount


def _reciprocal(policy: Policy, between: Between, amount: int) -> int | None:
    """What may go one way where so much came back, if this is too near to that; None where it is not."""
    after = between.points + amount
    lesser, larger = sorted((after, between.returned))
    if lesser < policy.from_amount or lesser <= policy.part * larger:
        return None
    return max(int(policy.part * between.returned), policy.from_amount - 1)


def _repeated(policy: Policy, act: Act, given: Given, now: datetime) -> Iterator[Finding]:
    words = normalised(act.words)
    before = [
        said for said in given.said if words and now - said.time < policy.within and normalised(said.words) == words
    ]
    thanked = act.thanked or act.receivers
    for receiver in thanked if policy.same_receiver else thanked[:1]:
        times = sum(1 for said in before if not policy.same_receiver or receiver in said.receivers)
        if times:
            yield Finding(policy.rule, policy.mode, receiver, 0, times, 1, 0)


def check_policies(policies: Policies, field: str) -> None:
    """Whether an organisation can have these; `field` is where they stand in the request.

    Raises:
        InvalidField: with everything that is out of its bounds.
    """
    violations = []
    seen: set[tuple[Rule, Mode]] = set()
    if not 1 <= policies.review_days <= REVIEW_DAYS_MAX:
        violations.append(FieldViolation(f"{field}.review_days", "must be 1 to 90, or 0 for 14"))
    for index, policy in enumerate(policies.policies):
        path = f"{field}.policies[{index}]"
        violations += [FieldViolation(f"{path}.{where}", what) for where, what in _violations(policy)]
        if (policy.rule, policy.mode) in seen:
            violations.append(FieldViolation(path, "has the rule and the mode of another one"))
        seen.add((policy.rule, policy.mode))
    if violations:
        raise InvalidField(violations)


def _violations(policy: Policy) -> Iterator[tuple[str, str]]:
    """Which fields of a policy are out of their bounds, and the bounds."""
    rule, part = policy.rule, policy.part
    name = rule.value
    most = _LIMIT_MAX.get(rule)
    if most is not None and not 1 <= policy.limit <= most:
        yield f"{name}.limit", "must be 1 to 10,000" if most == POSTS_MAX else "must be 1 to 2^53"
    lowest = {Rule.RECIPROCITY: part >= 0, Rule.ALLOWANCE_SHARE: part > 0}
    if rule in lowest and not (lowest[rule] and part < 1 and part.denominator <= DENOMINATOR_MAX):
        bounds = "at least 0" if rule is Rule.RECIPROCITY else "more than 0"
        yield f"{name}.limit", f"must be {bounds} and less than 1, of a denominator up to 1,000,000"
    if rule is Rule.RECIPROCITY and not 1 <= policy.from_amount <= POINTS_MAX:
        yield f"{name}.from_amount", "must be 1 to 2^53"
    if rule is Rule.REPEATED_TEXT and not (_HOUR <= policy.within <= WITHIN_MAX and not policy.within % _HOUR):
        yield f"{name}.within", "must be 1 to 744 whole hours"
