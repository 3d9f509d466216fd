"""What happened to members, and what late events make of it: a stretch of a member's purchases and returns from some
moment on, and what a replay of it comes to (see `late_replay`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from membership.domain.baskets import Basket
from membership.domain.clawbacks import Asked
from membership.domain.late_counts import Award, Standing, Step, steps_of
from membership.domain.levels import counted_of
from membership.domain.members import Member
from membership.domain.plans import Period
from membership.domain.program import Program
from membership.domain.purchases import FrozenTerms, PlainTerms, Purchase
from membership.domain.rating import BoughtBefore, Entry, Rated, Use
from membership.domain.tallies import Tally

DAY_US = 24 * 3600 * 1_000_000


class Moment(NamedTuple):
    """When something happened, in an order without ties: at one time purchases come before returns."""

    event_us: int
    return_id: str
    """Empty for a purchase."""
    purchase_id: str

    @property
    def event(self) -> str:
        """The name of what happened, within its program."""
        return f"returns/{self.return_id}" if self.return_id else f"purchases/{self.purchase_id}"


class Happened(NamedTuple):
    """A purchase or a return of a member's, with what it counts; less than nothing, for a return."""

    moment: Moment
    points: int
    """Of the purchase's year."""
    counts: int
    """Towards tiers, on the purchase's day; 0 where years tell them."""
    rule_nos: tuple[int, ...] = ()
    """The rules that gave something."""
    steps: tuple[Step, ...] = ()
    """What it did to counts."""


@dataclass(slots=True)
class Sums:
    """What all that happened to a member comes to."""

    years: dict[int, int]
    uses: dict[Use, int]
    days: dict[int, int]
    """By ordinals; empty where years tell the level."""
    joined: int
    """The day of enrolling."""
    counts: dict[int, Standing] = field(default_factory=dict)
    """By the numbers of rules that count."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What happened to a member from some moment on."""

    member: Member
    happened: Sequence[Happened]
    """What is recorded."""
    purchases: Mapping[str, Purchase]
    """Those of `happened`, and those that its returns are of, by id."""
    returns: Mapping[str, Sequence[Asked]]
    """All returns of these purchases, by the purchase's id."""
    fresh: Mapping[Moment, Entry]
    """Purchases that are not recorded yet; in their places they are rated."""
    baskets: Mapping[int, Basket]
    """Theirs, by the places of entries, which are not below 0."""
    last_us: Mapping[int, int]
    """When each rule last gave something before the moment, by its number."""
    sums: Sums
    """As they are, with all that is recorded."""
    plans: Sequence[Period] = ()
    """The periods of plans that the member bought, where rules ask for them."""
    times: Mapping[str, int] = field(default_factory=dict)
    """When purchases happened with which awards for counts were reached, by their ids."""
    bought: BoughtBefore | None = None
    """What the member bought, with all that is recorded; but the last purchase is that of before the moment. None where
    no rule asks.
    """
    segments: Sequence[str] | None = None
    """Those that the member is in now, for purchases of which none are kept; None where no rule asks."""


class Rerated(NamedTuple):
    """A recorded purchase as it is now; `rated` is None where it had happened before the moment."""

    purchase: Purchase
    rated: Rated | None
    terms: PlainTerms | FrozenTerms
    returned_points: int
    tallies: tuple[Tally, ...] = ()

    @property
    def points(self) -> int:
        """What it is awarded."""
        return self.purchase.award.points if self.rated is None else self.rated.points

    @property
    def changes(self) -> bool:
        """Whether anything that is kept of the purchase changes."""
        one = self.purchase
        before = (one.terms, one.level, one.returned_points, one.tallies)
        level = one.level if self.rated is None else self.rated.level
        return before != (self.terms, level, self.returned_points, self.tallies)


@dataclass(slots=True)
class Replayed:
    """What comes of it: the fresh purchases, the recorded ones, all that happened with what it counts now, and sums."""

    sums: Sums
    rated: list[Rated] = field(default_factory=list)
    """The fresh ones."""
    rerated: list[Rerated] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    given_us: dict[Award, int] = field(default_factory=dict)
    """When the purchases happened with which awards for counts were given anew, in microseconds."""


def entries_of(stretch: Stretch) -> dict[Moment, Entry]:
    """All purchases of a stretch. The recorded ones have places below 0."""
    recorded = (one.moment for one in stretch.happened if not one.moment.return_id)
    of_member = stretch.member.member_no
    entries = {
        moment: Entry(moment.event_us, -place, of_member, stretch.purchases[moment.purchase_id].amount)
        for place, moment in enumerate(recorded, start=1)
    }
    return entries | dict(stretch.fresh)


def happened(program: Program, purchase_id: str, rated: Rated) -> Happened:
    """A purchase as it was rated when it came in time."""
    policy = program.settings.tier_policy
    counts = 0 if policy.plain else counted_of(policy, rated.points, rated.entry.amount)
    rule_nos = tuple(rule_no for rule_no, _ in rated.frozen.by_rule()) if rated.frozen else ()
    return Happened(Moment(rated.entry.event_us, "", purchase_id), rated.points, counts, rule_nos, steps_of(rated))
