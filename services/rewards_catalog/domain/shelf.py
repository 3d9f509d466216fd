"""What an account is shown of a catalog: which rewards, in which order and language, and how far it is from each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from guerdon_kit.errors import FieldViolation, InvalidField
from rewards_catalog.domain import audience
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.prices import MAX_POINTS
from rewards_catalog.domain.reward import Reward, Texts, category_ok

MAX_KINDS = 10
MAX_TITLE_PART = 100
MAX_LOCALE = 35
"""The longest tag that RFC 5646 asks everybody to have room for."""


class Order(StrEnum):
    """In which order; those alike by it, by their ids."""

    CHEAPEST = "CHEAPEST"
    DEAREST = "DEAREST"
    NEWEST = "NEWEST"


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody wants to see: of these `kinds` (by their names in the database; none: all), with the title part in
    any language, at a price between the two; `max_price` 0: at any. What is not for the `member` is not shown.
    """

    order: Order
    kinds: Sequence[str]
    category: str
    title_part: str
    min_price: int
    max_price: int
    affordable_only: bool
    locale: str
    member: Groups

    @property
    def highest_price(self) -> int:
        """Up to which price."""
        return self.max_price or MAX_POINTS

    def most_points(self, available_points: int) -> int:
        """Up to how many points, at least, for an account that can spend so many now; a debt makes that negative."""
        return available_points if self.affordable_only else MAX_POINTS


Position = tuple[int, str] | tuple[datetime, str]
"""After which reward a page begins: its price or, of the newest, when it was made; and its id."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who looks: an account of a program that counts `unit`, and can spend `available` points now."""

    program: str
    unit: str
    available: int


def check_sought(sought: Sought) -> None:
    """Checks the bounds of what is asked for.

    Raises:
        InvalidField: with every bound that is broken.
    """
    violations = list(_violations(sought))
    if violations:
        raise InvalidField(violations)


def _violations(sought: Sought) -> Iterator[FieldViolation]:
    if len(sought.kinds) > MAX_KINDS:
        yield FieldViolation("kinds", f"must be at most {MAX_KINDS}")
    if sought.category and not category_ok(sought.category):
        yield FieldViolation("category", "must be 1 to 63 of A-Z a-z 0-9 . _ ~ -, a letter or digit first")
    if len(sought.title_part) > MAX_TITLE_PART or "\0" in sought.title_part:
        yield FieldViolation("title_contains", f"must have at most {MAX_TITLE_PART} characters")
    if len(sought.locale) > MAX_LOCALE:
        yield FieldViolation("locale", f"must have at most {MAX_LOCALE} characters")
    yield from audience.violations(sought.member, "member_groups")
    for field, price in (("min_price", sought.min_price), ("max_price", sought.max_price)):
        if not 0 <= price <= MAX_POINTS:
            yield FieldViolation(field, "must be between 0 and 2^53")


def searchable(text: str) -> str:
    """The text without the difference of small letters and capitals."""
    return text.casefold()


def titles(reward: Reward) -> str:
    """All titles of the reward, one in a line, as they are searched."""
    return searchable("\n".join([reward.title, *(texts.title for texts in reward.localizations.values())]))


def texts_for(reward: Reward, locale: str) -> Texts:
    """What the reward is called in a language: its own variety, else a language it is one of, else the reward's own.

    Tags are compared as RFC 4647 looks them up: without their case, cut off from the right.
    """
    by_tag = {tag.lower(): texts for tag, texts in reward.localizations.items()}
    tag = locale.lower()
    while tag:
        if tag in by_tag:
            return by_tag[tag]
        tag = tag.rpartition("-")[0]
    return Texts(reward.title, reward.description)


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as one account sees it; `points_to_go` is what the account lacks, 0 if it has enough."""

    reward: Reward
    texts: Texts
    points_to_go: int

    @property
    def affordable(self) -> bool:
        """The account has the points now."""
        return self.points_to_go == 0


def offer(reward: Reward, available_points: int, locale: str) -> Offer:
    """The reward for an account that can spend `available_points` now; a debt makes that negative."""
    return Offer(reward, texts_for(reward, locale), max(0, reward.cost.least_points - available_points))
