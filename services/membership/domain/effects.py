"""What the rating of purchases does beside what they earn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from membership.domain.campaigns import Group, Reached
from membership.domain.conditions import Phrase
from membership.domain.late import Rerated
from membership.domain.members import Member
from membership.domain.purchases import FrozenTerms
from membership.domain.rating import Rated
from membership.domain.rulebooks import Rulebook, together
from membership.domain.tallies import Tally

Groups = dict[tuple[Reached, int], Group]
"""By the campaign and the number of the member."""


def within_campaigns(rated: Iterable[Rated]) -> Groups:
    """What was bought, and what campaigns gave for it: of members whom they reach, and of those held out."""
    bought: Groups = {}
    for one in rated:
        if one.frozen is None or not one.frozen.campaigns:
            continue
        given = _given(one.frozen, one.tallies)
        for reached in one.frozen.campaigns:
            key, points = (reached, one.entry.member_no), given.get(reached.campaign_id, 0)
            awarded = reached.campaign_id in given
            before = bought.get(key, Group())
            bought[key] = before._replace(
                purchases=before.purchases + 1,
                amount=before.amount + one.entry.amount,
                awarded_purchases=before.awarded_purchases + awarded,
                points=before.points + points,
            )
    return bought


def plan_uses(book: Rulebook, rated: Iterable[Rated]) -> Iterator[tuple[int, int]]:
    """The members, by number, who got something by a rule that looks at the plan they hold, with the moments."""
    for one in rated:
        asking = book.at(one.entry.event_us).plan_rule_nos
        if asking and asking & _gave(one):
            yield one.entry.member_no, one.entry.event_us


def segment_uses(book: Rulebook, rated: Iterable[Rated]) -> Iterator[tuple[int, frozenset[str] | None]]:
    """The members, by number, who got something by rules for segments, with the ids of these; None where a rule may ask
    for any.
    """
    for one in rated:
        rules = book.at(one.entry.event_us)
        if rules.asks_segments == frozenset():
            continue
        gave = _gave(one)
        conditions = [version.rule.condition for version in rules.versions if version.rule_no in gave]
        asked = together(Phrase.of(condition).segments for condition in conditions if condition)
        if asked != frozenset():
            yield one.entry.member_no, asked


def within_campaigns_anew(rerated: Iterable[tuple[Member, Rerated]]) -> Groups:
    """How much more campaigns gave for purchases that were rated anew, or less."""
    more: Groups = {}
    for member, one in rerated:
        terms = one.terms
        if one.rated is None or not isinstance(terms, FrozenTerms) or not isinstance(one.purchase.terms, FrozenTerms):
            continue
        was, now = _given(one.purchase.terms, one.purchase.tallies), _given(terms, one.tallies)
        for reached in terms.campaigns:
            key, points = (reached, member.member_no), now.get(reached.campaign_id, 0)
            points_before = was.get(reached.campaign_id, 0)
            awarded_more = (reached.campaign_id in now) - (reached.campaign_id in was)
            if points != points_before or awarded_more:
                group = more.get(key, Group())
                awarded = group.awarded_purchases + awarded_more
                more[key] = group._replace(awarded_purchases=awarded, points=group.points + points - points_before)
    return more


def _gave(one: Rated) -> set[int]:
    """The numbers of the rules that gave something for a purchase."""
    by_itself = one.frozen.by_rule() if one.frozen is not None else ()
    return {rule_no for rule_no, _ in by_itself} | {tally.rule_no for tally in one.tallies if tally.awards}


def _given(frozen: FrozenTerms, tallies: Sequence[Tally]) -> dict[str, int]:
    """The points that campaigns gave for a purchase, by the ids of those that gave anything; also for counts."""
    given, campaign_of = frozen.by_campaigns(), {term.rule_no: term.campaign for term in frozen.counts}
    for tally in tallies:
        campaign_id = campaign_of[tally.rule_no]
        if tally.awards:
            given[campaign_id] = given.get(campaign_id, 0) + frozen.count_points([tally])
    return given
