"""All versions of a program's rules, and which are in force at a moment."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from membership.domain.campaigns import Campaign
from membership.domain.conditions import Phrase
from membership.domain.earning import Terms
from membership.domain.rules import Version
from membership.domain.tallies import Into
from membership.domain.tiers import Tier
from membership.domain.velocity import VelocityPolicy

T = TypeVar("T")

LEVELS = 32
"""More than a program's tiers with the level below them."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules of a stretch of time, in the order in which they were made. Where they are one base rule that looks at
    the amount alone, and no campaign runs, `plain` has its terms for each tier level, from level 0 on, and `key` is
    that of level 0.
    """

    versions: tuple[Version, ...]
    plain: tuple[Terms, ...] | None
    key: int
    campaigns: tuple[Campaign, ...] = ()
    """Those that run."""
    asks_purchases: bool = False
    """Whether a condition looks at what was bought before."""
    asks_segments: frozenset[str] | None = frozenset()
    """The ids of the segments that conditions ask for; None where they may ask for any."""
    plan_rule_nos: frozenset[int] = frozenset()
    """The numbers of the rules whose conditions look at the plan that a member holds."""
    units: tuple[str, ...] = ()
    """Those beside the program's points that rules give."""
    gives_rewards: bool = False
    """Whether a rule gives a reward for a purchase by itself."""
    counts_into: tuple[Into, ...] = ()
    """What rules that count give, where that is something else than points."""
    variables: frozenset[str] = frozenset()
    """Those that conditions may look at: taking a value over to CEL costs two microseconds."""

    @property
    def counting(self) -> bool:
        """Whether what the rules gave a member before matters."""
        return any(version.rule.counts for version in self.versions)


class Rulebook:
    """A program's rules in all versions, its campaigns, its velocity policy. `revision` counts the changes of all."""

    __slots__ = (
        "_multipliers",
        "_starts",
        "_stretches",
        "campaigns",
        "plain",
        "revision",
        "timed",
        "velocity",
        "versions",
        "wallets",
    )

    def __init__(
        self,
        versions: Iterable[Version],
        tiers: Sequence[Tier],
        campaigns: Sequence[Campaign] = (),
        velocity: VelocityPolicy | None = None,
        velocity_revision: int = 0,
    ) -> None:
        self.versions = tuple(sorted(versions, key=lambda one: one.revision))
        self.campaigns = tuple(sorted(campaigns, key=lambda one: one.campaign_no))
        self.revision = max([self.versions[-1].revision, *(one.revision for one in campaigns), velocity_revision])
        self.velocity = velocity
        self._multipliers = [Fraction(1), *(tier.multiplier for tier in tiers)]
        turns = list(_turns(self.versions, self.campaigns))
        self._starts = [start_us for start_us, _, _ in turns]
        phrases = {one.revision: Phrase.of(one.rule.condition) for one in self.versions if one.rule.condition}
        self._stretches = [self._in_force(versions, running, phrases) for _, versions, running in turns]
        self.plain = all(stretch.plain is not None for stretch in self._stretches)
        """Whether no purchase without lines needs more than its amount."""
        self.timed = any(one.rule.has_times for one in self.versions)
        """Whether points of any rule have times of their own."""
        self.wallets = any(one.units for one in self._stretches)
        """Whether rules give anything else than the program's points."""

    def at(self, event_us: int) -> InForce:
        """The rules in force at a moment. The rule of the settings is in force from 1970 on."""
        return self._stretches[bisect_right(self._starts, event_us) - 1]

    @property
    def asks_plans(self) -> bool:
        """Whether a rule looks at the plans that members hold."""
        return any(one.plan_rule_nos for one in self._stretches)

    def latest(self) -> list[Version]:
        """The latest version of each rule, in the order in which they were made."""
        return list({one.rule_no: one for one in self.versions}.values())

    def campaign(self, campaign_id: str) -> Campaign | None:
        """A campaign by its id."""
        return next((one for one in self.campaigns if one.campaign_id == campaign_id), None)

    def _in_force(
        self, versions: tuple[Version, ...], running: tuple[Campaign, ...], phrases: Mapping[int, Phrase]
    ) -> InForce:
        if len(versions) == 1 and not running and versions[0].rule.plain() is not None:
            return InForce(versions, self._terms(versions[0]), versions[0].revision * LEVELS)
        asked = [phrases[one.revision] for one in versions if one.revision in phrases]
        of_purchases = any(phrase.of_purchases for phrase in asked)
        of_plans = frozenset(
            one.rule_no for one in versions if one.revision in phrases and phrases[one.revision].of_plan
        )
        segments = together(phrase.segments for phrase in asked)
        variables = frozenset[str]().union(*(phrase.variables for phrase in asked))
        units = tuple(sorted({one.rule.unit for one in versions if one.rule.unit and one.rule.count is None}))
        gives = any(one.rule.reward for one in versions if one.rule.count is None)
        into = tuple(
            Into(one.rule_no, one.rule.unit, one.rule.reward)
            for one in versions
            if one.rule.count is not None and (one.rule.unit or one.rule.reward)
        )
        return InForce(versions, None, 0, running, of_purchases, segments, of_plans, units, gives, into, variables)

    def _terms(self, version: Version) -> tuple[Terms, ...]:
        rule = version.rule.plain()
        assert rule is not None, "a key is of a plain rule"
        return tuple(Terms(rule, multiplier) for multiplier in self._multipliers)


def together(asked: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """All segments that are asked for; None where one of those who ask may ask for any."""
    every = list(asked)
    named = [one for one in every if one is not None]
    return frozenset[str]().union(*named) if len(named) == len(every) else None


def _turns(
    versions: Sequence[Version], campaigns: Sequence[Campaign]
) -> Iterator[tuple[int, tuple[Version, ...], tuple[Campaign, ...]]]:
    """The moments from which other rules are in force than before, with those rules and the campaigns that run. Each
    version and each campaign is looked at when it turns, not at every moment: there are up to a thousand of both.
    """
    turning: defaultdict[int, list[Version | Campaign]] = defaultdict(list)
    for version in versions:
        turning[version.effective_us].append(version)
    for campaign in campaigns:
        for turn in (campaign.start_us, campaign.end_us):
            if turn is not None:
                turning[turn].append(campaign)
    newest: dict[int, Version] = {}
    standing: dict[int, Version] = {}
    running: dict[int, Campaign] = {}
    for moment_us in sorted(turning):
        for one in turning[moment_us]:
            if isinstance(one, Campaign):
                _put(running, one.campaign_no, one, there=one.runs(moment_us))
            elif one.rule_no not in newest or newest[one.rule_no].revision < one.revision:
                newest[one.rule_no] = one
                _put(standing, one.rule_no, one, there=not one.archived)
        within = {"", *(one.campaign_id for one in running.values())}
        in_force = tuple(standing[no] for no in sorted(standing) if standing[no].rule.campaign in within)
        yield moment_us, in_force, tuple(running[no] for no in sorted(running))


def _put(among: dict[int, T], number: int, one: T, *, there: bool) -> None:
    if there:
        among[number] = one
    else:
        among.pop(number, None)
