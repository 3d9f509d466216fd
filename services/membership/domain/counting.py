"""Counting the purchases of a recording, one after the other, within what the budgets of campaigns have left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from membership.domain.campaigns import Budgets
from membership.domain.rating import Entry, Rated
from membership.domain.rulebooks import InForce, Rulebook
from membership.domain.tallies import Counting, Tally, tally

Key = tuple[int, int]
"""The numbers of a member and of a rule."""


class Counted(NamedTuple):
    """Purchases with what rules counted with them, what is counted of members then, and what campaigns give for it."""

    rated: list[Rated]
    counting: dict[Key, Counting]
    budgets: Budgets


def keys(book: Rulebook, entries: Iterable[Entry]) -> set[Key]:
    """Whose counts have to be known, and of which rules."""
    return {
        (entry.member_no, version.rule_no)
        for entry in entries
        for version in book.at(entry.event_us).versions
        if version.rule.count is not None
    }


def count(book: Rulebook, rated: Sequence[Rated], before: Mapping[Key, Counting], budgets: Budgets) -> Counted:
    """Counts rated purchases in their order. An award that the budget of its campaign does not cover comes with a later
    purchase, should there be a budget again.
    """
    counting, counted = dict(before), []
    for one in rated:
        rules = book.at(one.entry.event_us)
        tallies = tuple(_tallies(rules, one, counting, budgets)) if one.frozen and one.frozen.counts else ()
        counted.append(one._replace(tallies=tallies))
    return Counted(counted, counting, budgets)


def _tallies(rules: InForce, one: Rated, counting: dict[Key, Counting], budgets: Budgets) -> Iterable[Tally]:
    assert one.frozen is not None, "rules that count freeze what they count"
    by_no = {version.rule_no: version.rule for version in rules.versions}
    campaigns = {campaign.campaign_id: campaign for campaign in rules.campaigns if campaign.budget}
    for term in one.frozen.counts:
        rule, key = by_no[term.rule_no], (one.entry.member_no, term.rule_no)
        assert rule.count is not None, "it counts"
        before = counting.get(key, Counting())
        made = tally(term, rule.count, one.frozen.parts, before)
        if made is None:
            continue
        campaign = campaigns.get(rule.campaign)
        if campaign is not None and made.points:
            if budgets.covers(campaign.campaign_no, made.points):
                budgets.spend(campaign.campaign_no, made.points)
            else:
                made = replace(made, awards=(), uncovered=True)
        counting[key] = Counting(made.reached, before.given + len(made.awards))
        yield made
