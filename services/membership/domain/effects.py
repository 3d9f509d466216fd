"""What the rating of purchases does beside what they earn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from membership.domain.campaigns import Group, Reached
from membership.domain.rating import Rated
from membership.domain.rulebooks import Rulebook


def within_campaigns(rated: Iterable[Rated]) -> dict[tuple[Reached, int], Group]:
    """What was bought, and what campaigns gave for it, by the campaign and the number of the member: of members whom
    they reach, and of those held out.
    """
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


def plan_uses(book: Rulebook, rated: Iterable[Rated]) -> Iterator[tuple[int, int]]:
    """The members, by number, who got something by a rule that looks at the plan they hold, with the moments."""
    for one in rated:
        asking = book.at(one.entry.event_us).plan_rule_nos
        if one.frozen is None or not asking:
            continue
        gave = {rule_no for rule_no, _ in one.frozen.by_rule()} | {
            tally.rule_no for tally in one.tallies if tally.awards
        }
        if asking & gave:
            yield one.entry.member_no, one.entry.event_us
