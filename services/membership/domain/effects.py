"""What purchases come to within the windows of campaigns: for the members whom they reach, and those held out."""

from __future__ import annotations

from collections.abc import Iterable

from membership.domain.campaigns import Group, Reached
from membership.domain.rating import Rated


def within_campaigns(rated: Iterable[Rated]) -> dict[tuple[Reached, int], Group]:
    """What was bought, and what campaigns gave for it, by the campaign and the number of the member."""
    bought: dict[tuple[Reached, int], Group] = {}
    for one in rated:
        if one.frozen is None or not one.frozen.campaigns:
            continue
        given = one.frozen.by_campaigns()
        campaign_of = {term.rule_no: term.campaign for term in one.frozen.counts}
        for tally in one.tallies:
            given[campaign_of[tally.rule_no]] = given.get(campaign_of[tally.rule_no], 0) + tally.points
        for reached in one.frozen.campaigns:
            key, points = (reached, one.entry.member_no), given.get(reached.campaign_id, 0)
            before = bought.get(key, Group())
            bought[key] = before._replace(
                purchases=before.purchases + 1,
                amount=before.amount + one.entry.amount,
                awarded_purchases=before.awarded_purchases + (points > 0),
                points=before.points + points,
            )
    return bought
