"""Campaigns: a window, a budget and a held-out group for rules that belong to one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from guerdon_kit.errors import FieldViolation
from membership.domain.holdouts import held_out, share_violations
from membership.domain.ids import ID_RULE, is_id
from membership.domain.rules import Rule

CAMPAIGNS_MAX = 50
"""The most campaigns of a program that are not archived."""
CAMPAIGNS_EVER_MAX = 1_000
DISPLAY_NAME_MAX = 100
BUDGET_MAX = 10**15
BUDGET_OF_POINTS = "has a budget of points, which is for rules that give points: one of budget_awards is for all"


class CampaignState(Enum):
    """How far a campaign has come."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign. Its rules apply from `start_us` on, before `end_us`, in microseconds since 1970."""

    campaign_no: int
    """The revision of the program's rules that it was made with."""
    revision: int
    """That of its latest change."""
    campaign_id: str
    display_name: str
    start_us: int
    end_us: int | None
    budget: int
    """In points, or in awards; 0 without one."""
    holdout: Fraction
    archived: bool
    create_time: datetime
    counts_awards: bool = False
    """Whether its budget is of awards: each time that a rule gives something, whatever that is."""

    def covers(self, rule: Rule) -> bool:
        """Whether a rule may belong to it: a budget of points is of what gives points."""
        return self.counts_awards or not self.budget or not (rule.unit or rule.reward)

    def measure(self, given: int) -> int:
        """What a rule's giving so much for a purchase takes of the budget."""
        return int(given > 0) if self.counts_awards else given

    def runs(self, moment_us: int) -> bool:
        """Whether its rules apply at a moment."""
        return self.start_us <= moment_us and (self.end_us is None or moment_us < self.end_us)

    def state(self, now_us: int) -> CampaignState:
        """How far it has come at a moment."""
        if self.archived:
            return CampaignState.ARCHIVED
        if now_us < self.start_us:
            return CampaignState.SCHEDULED
        return CampaignState.ACTIVE if self.runs(now_us) else CampaignState.ENDED

    def holds_out(self, program_name: str, member_id: str) -> bool:
        """Whether a member is held out."""
        name = f"{program_name}/campaigns/{self.campaign_id}"
        return held_out(name, f"{program_name}/members/{member_id}", self.holdout)


class Reached(NamedTuple):
    """A campaign in whose window a purchase was made, and whether its member is held out."""

    campaign_no: int
    campaign_id: str
    held_out: bool


class Group(NamedTuple):
    """What a group of members bought within a campaign's window; amounts in minor units."""

    members: int = 0
    purchases: int = 0
    amount: int = 0
    returned_amount: int = 0
    awarded_purchases: int = 0
    points: int = 0


class Drawn(NamedTuple):
    """What a purchase has had of the budgets of campaigns: decided as it arrives, and kept when it is rated anew."""

    paid: tuple[tuple[int, int], ...] = ()
    """What rules were paid for, by their numbers: points, or awards where the budget is of these."""
    refused: tuple[str, ...] = ()
    """The campaigns that did not have all they would have given: they give no more than was paid for."""

    def asks(self, given: Mapping[int, int]) -> int:
        """What rules give, by their numbers, above what is paid for."""
        paid = dict(self.paid)
        return sum(max(0, points - paid.get(rule_no, 0)) for rule_no, points in given.items())

    def plus(self, given: Mapping[int, int], refused: Iterable[str]) -> Drawn:
        """With what rules give now, which stays paid for when they give less."""
        paid = dict(self.paid)
        paid |= {rule_no: max(points, paid.get(rule_no, 0)) for rule_no, points in given.items()}
        return Drawn(tuple(sorted(paid.items())), tuple(sorted({*self.refused, *refused})))


NOTHING_DRAWN = Drawn()


@dataclass(slots=True)
class Budgets:
    """What campaigns may give to purchases that are rated together, by their numbers, and what they do give. A campaign
    that has no limit here may give anything: whoever rates asks for what it gave, and rates again where it is more than
    there is.
    """

    limits: dict[int, int] = field(default_factory=dict)
    spent: dict[int, int] = field(default_factory=dict)
    least: dict[int, int] = field(default_factory=dict)
    """The least that one of the purchases was given."""

    def covers(self, campaign_no: int, points: int) -> bool:
        """Whether a campaign may give so many more points."""
        limit = self.limits.get(campaign_no)
        return limit is None or self.spent.get(campaign_no, 0) + points <= limit

    def spend(self, campaign_no: int, points: int) -> None:
        """Has a campaign give points to a purchase."""
        self.spent[campaign_no] = self.spent.get(campaign_no, 0) + points
        self.least[campaign_no] = min(points, self.least.get(campaign_no, points))


def violations(one: Campaign) -> Iterator[FieldViolation]:
    """What is wrong with a campaign, by the fields of the contract's `Campaign`."""
    if not is_id(one.campaign_id):
        yield FieldViolation("name", f"its id {ID_RULE}")
    if len(one.display_name) > DISPLAY_NAME_MAX or not one.display_name.isprintable():
        yield FieldViolation("display_name", f"must be at most {DISPLAY_NAME_MAX} printable characters")
    if one.end_us is not None and one.end_us <= one.start_us:
        yield FieldViolation("end_time", "must be after the start")
    if not 0 <= one.budget <= BUDGET_MAX:
        yield FieldViolation("budget_awards" if one.counts_awards else "budget_points", "must be between 0 and 10^15")
    yield from share_violations(one.holdout)


def change_violations(before: Campaign, after: Campaign, now_us: int) -> Iterator[FieldViolation]:
    """What of a change cannot be: what has passed stays."""
    if after.start_us != before.start_us and not before.start_us > now_us <= after.start_us:
        yield FieldViolation("start_time", "is fixed once it has come, and must not have passed when it is set")
    if after.end_us != before.end_us and after.end_us is not None and after.end_us < now_us:
        yield FieldViolation("end_time", "must not have passed when it is set")
    if (after.budget == 0, after.counts_awards) != (before.budget == 0, before.counts_awards):
        field = "budget_awards" if after.counts_awards and not before.counts_awards else "budget_points"
        yield FieldViolation(field, "cannot be introduced or dropped")
