"""Counting the purchases of a recording, one after the other, within what the budgets of campaigns have left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from membership.domain.campaigns import Budgets
from membership.domain.rating import Entry, Rated
from membership.domain.rulebooks import InForce, Rulebook
from membership.domain.tallies import Counting, Tally, reach

Key = tuple[int, int]
"""The numbers of a member and of a rule."""


class Counted(NamedTuple):
    """Purchases with what rules counted with them, what is counted of members then, and what campaigns give for it."""

    rated: list[Rated]
    counting: dict[Key, Counting]
    budgets: Budgets


@dataclass(slots=True)
class Decided:
    """What budgets decided of awards when these were counted before, by the numbers of rules."""

    paid: dict[int, int] = field(default_factory=dict)
    """What was paid for, in points or awards; what is given takes of it first."""
    refused: Set[int] = frozenset()
    """The rules whose awards were not covered."""


def keys(book: Rulebook, entries: Iterable[Entry]) -> set[Key]:
    """Whose counts have to be known, and of which rules."""
    return {
        (entry.member_no, version.rule_no)
        for entry in entries
        for version in book.at(entry.event_us).versions
        if version.rule.count is not None
    }


def count(
    book: Rulebook,
    rated: Sequence[Rated],
    ids: Mapping[int, str],
    before: Mapping[Key, Counting],
    budgets: Budgets,
    decided: Decided | None = None,
) -> Counted:
    """Counts rated purchases in their order; `ids` are those of the purchases, by the places of their entries. Awards
    that the budget of their campaign does not cover are owed: they come with a later purchase, should there be a budget
    again. What is `decided` when they were counted before stays so.
    """
    counting, counted, decided = dict(before), [], decided or Decided()
    for one in rated:
        rules = book.at(one.entry.event_us)
        some = _tallies(rules, one, ids, counting, budgets, decided) if one.frozen and one.frozen.counts else ()
        tallies = tuple(some)
        counted.append(one._replace(tallies=tallies))
    return Counted(counted, counting, budgets)


def _tallies(
    rules: InForce,
    one: Rated,
    ids: Mapping[int, str],
    counting: dict[Key, Counting],
    budgets: Budgets,
    decided: Decided,
) -> Iterable[Tally]:
    assert one.frozen is not None, "rules that count freeze what they count"
    by_no = {version.rule_no: version.rule for version in rules.versions}
    campaigns = {campaign.campaign_id: campaign for campaign in rules.campaigns if campaign.budget}
    for term in one.frozen.counts:
        rule, key = by_no[term.rule_no], (one.entry.member_no, term.rule_no)
        assert rule.count is not None, "it counts"
        before = counting.get(key, Counting())
        reached = reach(term, rule.count, one.frozen.parts, before, ids[one.entry.place])
        if reached is None:
            continue
        awards, after = reached.give()
        campaign = campaigns.get(rule.campaign)
        points = 0 if campaign is None else sum(campaign.measure(award.points) for award in awards)
        uncovered = False
        if campaign is not None and points:
            paid = min(points, decided.paid.get(term.rule_no, 0))
            uncovered = term.rule_no in decided.refused or not budgets.covers(campaign.campaign_no, points - paid)
            if uncovered:
                awards, after = [], reached
            else:
                decided.paid[term.rule_no] = decided.paid.get(term.rule_no, 0) - paid
                if points > paid:
                    budgets.spend(campaign.campaign_no, points - paid)
        counting[key] = after
        yield Tally(
            term.rule_no,
            rule.count,
            reached.counted - before.counted,
            reached.counted,
            tuple(award.points for award in awards),
            uncovered,
            tuple(award.purchase_id for award in awards),
            before.owed,
        )
