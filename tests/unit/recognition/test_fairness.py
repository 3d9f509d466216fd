"""What fairness policies object to, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from recognition.domain.fairness import (
    Act,
    Between,
    Gift,
    Given,
    Mode,
    Policies,
    Policy,
    Rule,
    Said,
    Span,
    check_policies,
    judge,
    normalised,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAIR_15 = Policy(Rule.PAIR_POINTS, Mode.BLOCK, limit=15)
POST_10 = Policy(Rule.POST_POINTS, Mode.BLOCK, limit=10)
RETURNED = Policy(Rule.RECIPROCITY, Mode.WARN, part=Fraction(1, 2), from_amount=20)
SHARE = Policy(Rule.ALLOWANCE_SHARE, Mode.BLOCK, part=Fraction(1, 3))
SAME_WORDS = Policy(Rule.REPEATED_TEXT, Mode.WARN, within=timedelta(hours=24))


def to_ben(amount: int, words: str = "") -> Act:
    return Act((Gift("ben", amount, amount),), words)


def before(**between: Between) -> Mapping[tuple[Span, str], Between]:
    return {(span, person): found for person, found in between.items() for span in Span}


def test_a_pair_cap_of_15_a_month_and_10_a_post_lets_10_pass_and_then_at_most_5() -> None:
    # Oracle: a per-pair cap of 15 a month, 10 a post; gives of 10, 10: 10, then at most 5.
    policies = (PAIR_15, POST_10)
    assert judge(policies, to_ben(10), Given(), NOW) == ()
    [eleven] = judge(policies, to_ben(11), Given(), NOW)
    assert (eleven.rule, eleven.limit, eleven.room) == (Rule.POST_POINTS, 10, 10)
    after = Given(before(ben=Between(points=10, posts=1)))
    [ten] = judge(policies, to_ben(10), after, NOW)
    assert (ten.rule, ten.limit, ten.used, ten.requested, ten.room) == (Rule.PAIR_POINTS, 15, 10, 10, 5)
    assert judge(policies, to_ben(5), after, NOW) == ()
    assert judge(policies, to_ben(6), after, NOW) != ()


def test_each_receiver_is_judged_by_what_they_were_given() -> None:
    after = Given(before(ben=Between(points=10, posts=1), cleo=Between(points=2, posts=1)))
    found = judge((PAIR_15,), Act(tuple(Gift(one, 10, 10) for one in ("ben", "cleo", "dan")), ""), after, NOW)
    assert [finding.receiver for finding in found] == ["ben"]


def test_posts_are_counted_whatever_they_are_worth() -> None:
    policy = Policy(Rule.PAIR_POSTS, Mode.BLOCK, limit=2)
    assert judge((policy,), to_ben(1), Given(before(ben=Between(points=99, posts=1))), NOW) == ()
    [third] = judge((policy,), to_ben(1), Given(before(ben=Between(points=2, posts=2))), NOW)
    assert (third.limit, third.used, third.requested, third.room) == (2, 2, 1, 0)


@pytest.mark.parametrize(
    ("given_before", "returned", "amount", "room"),
    [
        (0, 100, 50, None),  # 50 of 100: half, which is fair
        (0, 100, 51, 50),
        (30, 100, 30, 20),
        (0, 100, 200, None),  # 100 of 200: as fair from the other side
        (0, 100, 199, 50),
        (0, 30, 19, None),  # below 20 nobody asks
        (0, 30, 20, 19),
        (0, 19, 19, None),
        (500, 0, 500, None),
    ],
)
def test_points_that_go_back_and_forth(given_before: int, returned: int, amount: int, room: int | None) -> None:
    found = judge((RETURNED,), to_ben(amount), Given(before(ben=Between(given_before, 1, returned))), NOW)
    assert [finding.room for finding in found] == ([] if room is None else [room])


def test_an_edit_gives_more_to_who_had_some_and_is_no_further_post() -> None:
    more = Act((Gift("ben", 4, 12, posts=0),), "")
    once = Policy(Rule.PAIR_POSTS, Mode.BLOCK, limit=1)
    before_it = Given(before(ben=Between(points=8, posts=1)))
    [finding] = judge((PAIR_15, once, POST_10), more, before_it, NOW)
    assert (finding.rule, finding.requested, finding.limit) == (Rule.POST_POINTS, 12, 10)


def test_a_part_of_an_allowance_is_rounded_down() -> None:
    granted = Given(before(ben=Between(points=60, posts=3)), granted_amount=200)
    assert judge((SHARE,), to_ben(6), granted, NOW) == ()
    [finding] = judge((SHARE,), to_ben(7), granted, NOW)
    assert (finding.limit, finding.used, finding.room) == (66, 60, 6)
    assert judge((SHARE,), to_ben(7), Given(granted.between), NOW) == (), "nothing was granted: there is no part of it"


@pytest.mark.parametrize("words", ["Thank you, Ben!", "THANK  you ben", "thank-you: ben 👏", "ｔhank you ben"])
def test_the_same_words_are_known_whatever_their_form(words: str) -> None:
    given = Given(said=[Said(NOW - timedelta(hours=1), "thank you Ben", ["cleo"])])
    [finding] = judge((SAME_WORDS,), to_ben(1, words), given, NOW)
    assert (finding.rule, finding.used, finding.room) == (Rule.REPEATED_TEXT, 1, 0)


def test_words_are_the_same_for_a_time_and_if_so_said_only_for_the_same_person() -> None:
    old = Given(said=[Said(NOW - timedelta(hours=24), "Thanks", ["ben"])])
    assert judge((SAME_WORDS,), to_ben(1, "Thanks"), old, NOW) == ()
    to_cleo = Given(said=[Said(NOW, "Thanks", ["cleo"])])
    same_person = Policy(Rule.REPEATED_TEXT, Mode.WARN, within=timedelta(hours=24), same_receiver=True)
    assert judge((same_person,), to_ben(1, "Thanks"), to_cleo, NOW) == ()
    assert (
        judge((same_person,), Act((Gift("ben", 1, 1), Gift("cleo", 1, 1)), "Thanks"), to_cleo, NOW)[0].receiver
        == "cleo"
    )
    assert judge((SAME_WORDS,), to_ben(1, "👏"), Given(said=[Said(NOW, "!", ["ben"])]), NOW) == (), "no words at all"


@examples(st.text())
def test_words_in_their_common_form_stay_as_they_are(words: str) -> None:
    assert normalised(normalised(words)) == normalised(words)


@examples(
    st.sampled_from([PAIR_15, POST_10, RETURNED, SHARE]),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(1, 300),
    st.integers(0, 900),
)
def test_what_a_finding_leaves_may_be_given(
    policy: Policy, points: int, returned: int, amount: int, granted: int
) -> None:
    given = Given(before(ben=Between(points, 1, returned)), granted)
    for finding in judge((policy,), to_ben(amount), given, NOW):
        assert finding.requested > finding.room >= 0
        if finding.room:
            assert judge((policy,), to_ben(finding.room), given, NOW) == ()
        if policy is not RETURNED:  # there is a point beyond which one no longer answers in kind
            assert judge((policy,), to_ben(finding.room + 1), given, NOW) != ()


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (Policy(Rule.PAIR_POINTS, Mode.WARN), "pair_points.limit"),
        (Policy(Rule.PAIR_POINTS, Mode.WARN, limit=2**53 + 1), "pair_points.limit"),
        (Policy(Rule.PAIR_POSTS, Mode.WARN, limit=10_001), "pair_posts.limit"),
        (Policy(Rule.POST_POINTS, Mode.WARN, limit=-1), "post_points.limit"),
        (Policy(Rule.RECIPROCITY, Mode.WARN, part=Fraction(1), from_amount=1), "reciprocity.limit"),
        (Policy(Rule.RECIPROCITY, Mode.WARN, part=Fraction(-1, 2), from_amount=1), "reciprocity.limit"),
        (Policy(Rule.RECIPROCITY, Mode.WARN, part=Fraction(1, 2)), "reciprocity.from_amount"),
        (Policy(Rule.ALLOWANCE_SHARE, Mode.WARN), "allowance_share.limit"),
        (Policy(Rule.ALLOWANCE_SHARE, Mode.WARN, part=Fraction(1, 10**6 + 1)), "allowance_share.limit"),
        (Policy(Rule.REPEATED_TEXT, Mode.WARN), "repeated_text.within"),
        (Policy(Rule.REPEATED_TEXT, Mode.WARN, within=timedelta(days=32)), "repeated_text.within"),
        (Policy(Rule.REPEATED_TEXT, Mode.WARN, within=timedelta(minutes=90)), "repeated_text.within"),
    ],
)
def test_a_policy_out_of_its_bounds_is_named(policy: Policy, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        check_policies(Policies("o", (PAIR_15, policy)), "fair")
    assert [violation.field for violation in refusal.value.violations] == [f"fair.policies[1].{field}"]


def test_a_rule_has_each_mode_once() -> None:
    check_policies(Policies("o", (PAIR_15, Policy(Rule.PAIR_POINTS, Mode.WARN, limit=10))), "fair")
    with pytest.raises(InvalidField):
        check_policies(Policies("o", (PAIR_15, Policy(Rule.PAIR_POINTS, Mode.BLOCK, limit=10))), "fair")


@pytest.mark.parametrize("days", [0, -1, 91])
def test_reviews_have_1_to_90_days(days: int) -> None:
    for good in (1, 14, 90):
        check_policies(Policies("o", review_days=good), "fair")
    with pytest.raises(InvalidField) as refusal:
        check_policies(Policies("o", review_days=days), "fair")
    assert [violation.field for violation in refusal.value.violations] == ["fair.review_days"]
