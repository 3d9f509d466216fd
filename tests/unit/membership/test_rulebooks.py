"""Which rules are in force when, what they ask for, and what it costs to find out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.campaigns import Campaign
from membership.domain.conditions import Phrase
from membership.domain.members import Member
from membership.domain.purchases import State
from membership.domain.rating import BoughtBefore, Entry, Scene, rate
from membership.domain.rulebooks import Rulebook, together
from membership.domain.rules import Rule, Version
from tests.unit.membership.programs import NOW, PER_DOLLAR, bonus, program

ADA = Member(7, "ada", State.POSTED, datetime(2025, 11, 23, tzinfo=UTC), 0, None)
BASE = Version(1, 1, 1, PER_DOLLAR, False, 0, NOW)
looked_at: list[int] = []


class Watched(Campaign):
    """A campaign that tells when it is looked at."""

    __slots__ = ()

    def runs(self, moment_us: int) -> bool:
        looked_at.append(moment_us)
        return super().runs(moment_us)


def campaign(number: int, start: int, end: int | None) -> Campaign:
    return Watched(number, number, f"c{number}", "", start, end, 0, Fraction(0), archived=False, create_time=NOW)


def later(rule: Rule, revision: int, effective: int, rule_no: int = 2, *, archived: bool = False) -> Version:
    return Version(rule_no, revision, revision, rule, archived, effective, NOW)


@given(
    st.lists(st.tuples(st.integers(2, 5), st.integers(0, 30), st.integers(0, 4), st.booleans()), max_size=12),
    st.lists(st.tuples(st.integers(0, 30), st.none() | st.integers(0, 30)), max_size=4),
)
def test_in_force_is_the_newest_version_of_each_rule_that_stands_and_whose_campaign_runs(
    changes: Sequence[tuple[int, int, int, bool]], windows: Sequence[tuple[int, int | None]]
) -> None:
    versions = [BASE] + [
        later(bonus(f"r{no}", 1, campaign=f"c{within}" if within else ""), revision, at, no, archived=archived)
        for revision, (no, at, within, archived) in enumerate(changes, start=2)
    ]
    campaigns = [campaign(number, *window) for number, window in enumerate(windows, start=1)]
    book = Rulebook(versions, (), campaigns)
    for moment in range(32):
        running = [one for one in campaigns if one.runs(moment)]
        newest = {one.rule_no: one for one in versions if one.effective_us <= moment}
        within = {"", *(one.campaign_id for one in running)}
        stand = [newest[no] for no in sorted(newest) if not newest[no].archived]
        assert list(book.at(moment).versions) == [one for one in stand if one.rule.campaign in within]
        assert list(book.at(moment).campaigns) == (running if book.at(moment).plain is None else [])


def test_a_campaign_is_looked_at_when_it_turns_and_not_at_every_turn_of_another() -> None:
    campaigns = [campaign(number, number * 10, number * 10 + 5) for number in range(1, 301)]
    looked_at.clear()
    Rulebook([BASE], (), campaigns)
    assert len(looked_at) == 2 * len(campaigns)


def test_purchases_rate_plainly_again_once_no_rule_in_force_asks_what_was_bought_before() -> None:
    first = bonus("first", 5, condition="purchases.count == 0 && 'vip' in member.segments")
    book = Rulebook([BASE, later(first, 2, 100), later(first, 3, 200, archived=True)], ())
    asked = [(book.at(at).asks_purchases, book.at(at).asks_segments) for at in (99, 100, 200)]
    assert asked == [(False, frozenset()), (True, {"vip"}), (False, frozenset())]
    assert [book.at(at).plain is None for at in (99, 100, 200)] == [False, True, False]


def test_a_purchase_rated_plainly_is_known_to_the_next_one_that_a_rule_asks_about() -> None:
    first = bonus("first", 5, condition="purchases.count == 0")
    book = Rulebook([BASE, later(first, 2, 100)], ())
    for moments, points in ([(99, 100), [10, 10]], [(100, 101), [15, 10]]):
        scene = Scene(members={7: ADA}, bought={7: BoughtBefore()})
        rated = rate(program([PER_DOLLAR]), book, [Entry(at, at, 7, 10_00) for at in moments], {}, scene)
        assert [one.points for one in rated] == points


@pytest.mark.parametrize(
    ("condition", "segments"),
    [
        ("purchase.amount > 5 && purchase.store != 'member.segments'", set()),
        ("'vip' in member.segments", {"vip"}),
        ('line.sku == "x" || !("a" in member.segments) && \'b\'in .member . segments', {"a", "b"}),
        ("purchase.store in member.segments", None),
        ("'vip' in member.segments || size(member.segments) > 2", None),
        ("'v' + 'ip' in member.segments", None),
        ("'vip' in member.segments + ['vip']", None),
        ("'v' in member.segments.map(s, s + 'x')", None),
        ("member.segments.exists(s, s.startsWith('v'))", None),
        (r"'v\x69p' in member.segments", None),
        ("r'vip' in member.segments", None),
        ("'''vip''' in member.segments", None),
        ("'v' + // ip\n'ip' in member.segments", None),
        ("'vip' // or not\n in member.segments", None),
    ],
)
def test_the_segments_that_a_condition_asks_for_are_told_where_it_names_them_and_does_no_more(
    condition: str, segments: set[str] | None
) -> None:
    assert Phrase.of(condition).segments == segments


def test_of_several_conditions_all_segments_are_asked_for_and_any_where_one_may_ask_for_any() -> None:
    assert together([]) == frozenset()
    assert together([frozenset({"a"}), frozenset(), frozenset({"b"})]) == frozenset({"a", "b"})
    assert together([frozenset({"a"}), None]) is None
