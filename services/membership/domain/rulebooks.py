"""All versions of a program's rules, and which are in force at a moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from membership.domain.campaigns import Campaign
from membership.domain.conditions import Phrase
from membership.domain.earning import Terms
from membership.domain.rules import Version
from membership.domain.tiers import Tier

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

    @property
    def counting(self) -> bool:
        """Whether what the rules gave a member before matters."""
        return any(version.rule.counts for version in self.versions)


class Rulebook:
    """The versions of a program's rules, and its campaigns. `revision` counts the changes of both."""

    __slots__ = (
        "_multipliers",
        "_starts",
        "_stretches",
        "asks_purchases",
        "asks_segments",
        "campaigns",
        "plain",
        "revision",
        "versions",
    )

    def __init__(self, versions: Iterable[Version], tiers: Sequence[Tier], campaigns: Sequence[Campaign] = ()) -> None:
        self.versions = tuple(sorted(versions, key=lambda one: one.revision))
        self.campaigns = tuple(sorted(campaigns, key=lambda one: one.campaign_no))
        self.revision = max([self.versions[-1].revision, *(one.revision for one in campaigns)])
        phrases = [Phrase.of(one.rule.condition) for one in self.versions if one.rule.condition]
        self.asks_purchases = any(phrase.of_purchases for phrase in phrases)
        """Whether a condition looks at what was bought before: then each purchase has to be known to the next."""
        self.asks_segments = any(phrase.of_segments for phrase in phrases)
        self._multipliers = [Fraction(1), *(tier.multiplier for tier in tiers)]
        turns = {turn for one in campaigns for turn in (one.start_us, one.end_us) if turn is not None}
        self._starts = sorted(turns.union(one.effective_us for one in self.versions))
        self._stretches = [self._in_force(start) for start in self._starts]
        self.plain = all(stretch.plain is not None for stretch in self._stretches)
        """Whether no purchase without lines needs more than its amount."""

    def at(self, event_us: int) -> InForce:
        """The rules in force at a moment. The rule of the settings is in force from 1970 on."""
        return self._stretches[bisect_right(self._starts, event_us) - 1]

    def latest(self) -> list[Version]:
        """The latest version of each rule, in the order in which they were made."""
        return list({one.rule_no: one for one in self.versions}.values())

    def campaign(self, campaign_id: str) -> Campaign | None:
        """A campaign by its id."""
        return next((one for one in self.campaigns if one.campaign_id == campaign_id), None)

    def _in_force(self, moment_us: int) -> InForce:
        running = tuple(one for one in self.campaigns if one.runs(moment_us))
        within = {"", *(one.campaign_id for one in running)}
        newest = {one.rule_no: one for one in self.versions if one.effective_us <= moment_us}
        versions = tuple(one for _, one in sorted(newest.items()) if not one.archived and one.rule.campaign in within)
        framed = running or self.asks_purchases
        if len(versions) == 1 and not framed and versions[0].rule.plain() is not None:
            return InForce(versions, self._terms(versions[0]), versions[0].revision * LEVELS)
        return InForce(versions, None, 0, running)

    def _terms(self, version: Version) -> tuple[Terms, ...]:
        rule = version.rule.plain()
        assert rule is not None, "a key is of a plain rule"
        return tuple(Terms(rule, multiplier) for multiplier in self._multipliers)
