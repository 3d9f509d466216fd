"""What completes a personal offer, held against an evaluator that looks at all that was bought at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from membership.domain.holdouts import held_out
from membership.domain.offers import (
    VALIDITY_MAX,
    Counted,
    Goal,
    OfferState,
    OfferTerms,
    PersonalOffer,
    Validity,
    counted,
    validity_violations,
    violations,
)
from membership.domain.purchases import Bought


class Chunk(dict[int, list[Bought]]):
    """Purchases by member that tell whose were looked at."""

    def __init__(self, bought: dict[int, list[Bought]]) -> None:
        super().__init__(bought)
        self.looked_at: list[int] = []

    def get(self, member_no: int, default: Any = None) -> Any:
        self.looked_at.append(member_no)
        return super().get(member_no, default)


START, END = datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 31, 21, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def terms(goal: Goal, minimum_spend: int = 0, visits: int = 1) -> OfferTerms:
    return OfferTerms(
        display_name="",
        goal=goal,
        minimum_spend=minimum_spend,
        visits=visits,
        points=100,
        expiry=None,
        acceptance_required=False,
        holdout=Fraction(0),
    )


def received(of: OfferTerms) -> PersonalOffer:
    """An offer as somebody has just received it."""
    return PersonalOffer(
        sending_no=7,
        sent_to=3,
        member_no=3,
        member_id="ada",
        offer_id="spring",
        terms=of,
        validity=Validity(START, END),
        held_out=False,
        send_time=START,
        accept_time=START,
        progress=0,
        complete_time=None,
        awards=0,
    )


OFFERS = st.one_of(
    st.builds(lambda least: terms(Goal.ONE_PURCHASE, least), st.integers(1, 80)),
    st.builds(lambda total: terms(Goal.TOTAL_SPEND, total), st.integers(1, 300)),
    st.builds(lambda least, visits: terms(Goal.VISITS, least, visits), st.integers(0, 60), st.integers(1, 5)),
)
MOMENTS = st.one_of(
    st.sampled_from([START - MICROSECOND, START, END, END + MICROSECOND]),
    st.integers(-20, 45).map(lambda days: START + timedelta(days=days)),
)


def evaluate(of: OfferTerms, kept: list[tuple[datetime, int]]) -> bool:
    """Whether what is kept of all purchases completes an offer, as its words say."""
    inside = [amount for moment, amount in kept if not moment < START and not moment > END]
    match of.goal:
        case Goal.ONE_PURCHASE:
            return max(inside, default=0) >= of.minimum_spend
        case Goal.TOTAL_SPEND:
            return sum(inside) >= of.minimum_spend
        case Goal.VISITS:
            return len([amount for amount in inside if amount > 0 and amount >= of.minimum_spend]) >= of.visits


@given(OFFERS, st.lists(st.tuples(MOMENTS, st.integers(0, 100), st.lists(st.integers(1, 40), max_size=3)), max_size=12))
def test_it_is_completed_whenever_and_only_while_what_is_kept_completes_it_and_awarded_once_each_time(
    of: OfferTerms, bought: list[tuple[datetime, int, list[int]]]
) -> None:
    one, times = received(of), 0
    kept: list[tuple[datetime, int]] = []
    for moment, amount, returns in bought:
        kept.append((moment, amount))
        steps = [(0, amount)]
        for back in returns:
            steps.append((steps[-1][1], max(0, steps[-1][1] - back)))
        for before, after in steps:
            kept[-1] = (moment, after)
            was = one
            if one.validity.holds(moment):
                one = one.counting(before, after, moment)
            assert (one.complete_time is not None) == evaluate(of, kept)
            times += one.complete_time is not None and was.complete_time is None
            assert one.awards == times
    assert one.state(END) is (OfferState.COMPLETED if evaluate(of, kept) else OfferState.RUNNING)


@given(OFFERS, st.permutations([(START, 40), (END, 55), (START + MICROSECOND, 70), (END - MICROSECOND, 20)]))
def test_the_order_in_which_purchases_are_told_of_does_not_matter(
    of: OfferTerms, bought: list[tuple[datetime, int]]
) -> None:
    one = received(of)
    for moment, amount in bought:
        one = one.counting(0, amount, moment)
    assert (one.complete_time is not None) == evaluate(of, bought)


def test_the_states_follow_the_acceptance_and_both_ends_of_the_validity() -> None:
    one = received(terms(Goal.VISITS, visits=2))
    assert one.state(END) is OfferState.RUNNING
    assert one.state(END + MICROSECOND) is OfferState.OVER
    assert replace(one, accept_time=None).state(END) is OfferState.OFFERED
    assert one.counting(0, 1, START).counting(0, 1, END).state(END + MICROSECOND) is OfferState.COMPLETED


def test_awards_that_follow_one_that_was_taken_back_have_ids_of_their_own() -> None:
    one = received(terms(Goal.ONE_PURCHASE, 10)).counting(0, 10, START)
    assert one.bonus_id == "o-7-3"
    assert one.counting(10, 9, START).counting(0, 10, END).bonus_id == "o-7-3-2"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (terms(Goal.ONE_PURCHASE), "one_purchase.minimum_spend.minor_units"),
        (terms(Goal.TOTAL_SPEND), "total_spend.amount.minor_units"),
        (terms(Goal.VISITS, visits=0), "visits.count"),
        (terms(Goal.VISITS, visits=1_001), "visits.count"),
        (terms(Goal.VISITS, -1, 1), "visits.minimum_spend.minor_units"),
        (replace(terms(Goal.VISITS), points=0), "points"),
        (replace(terms(Goal.VISITS), holdout=Fraction(1)), "holdout_share"),
        (replace(terms(Goal.VISITS), display_name="x" * 101), "display_name"),
    ],
)
def test_a_bound_that_is_not_kept_is_named(wrong: OfferTerms, field: str) -> None:
    assert [one.field for one in violations("spring", wrong)] == [field]


def test_a_validity_has_a_length_and_is_not_over() -> None:
    assert not list(validity_violations(Validity(START, END), END))
    assert not list(validity_violations(Validity(END, END), END))
    for validity, now in (
        (Validity(START, END), END + MICROSECOND),
        (Validity(END, START), START),
        (Validity(START, START + VALIDITY_MAX + MICROSECOND), START),
    ):
        assert [one.field for one in validity_violations(validity, now)] == ["end_time"]


def test_a_holdout_group_is_stable_has_its_share_and_grows_without_letting_anybody_out() -> None:
    members = [f"programs/p/members/{number}" for number in range(10_000)]
    none, tenth, half = Fraction(0), Fraction(1, 10), Fraction(1, 2)
    groups = {
        share: {one for one in members if held_out("programs/p/offers/o", one, share)} for share in (none, tenth, half)
    }
    assert not groups[none]
    assert groups[tenth] < groups[half]
    assert 900 < len(groups[tenth]) < 1_100
    other = {one for one in members if held_out("programs/p/offers/other", one, tenth)}
    assert len(groups[tenth] & other) < 200, "who is held out from one offer is not for that from another"
    assert [one.rpartition("/")[2] for one in members[:40] if one in groups[tenth]] == [
        "9",
        "19",
        "23",
        "28",
        "29",
        "38",
    ], "also in years to come"


def test_an_offer_counts_its_own_members_purchases_within_its_validity_and_looks_at_no_others() -> None:
    mine = [Bought("early", START - MICROSECOND, 500), Bought("a", START, 300), Bought("b", END, 700)]
    chunk = Chunk({3: mine, 4: [Bought("other", START, 900)], 5: [Bought("late", END + MICROSECOND, 900)]})
    one = received(terms(Goal.TOTAL_SPEND, 1_000))
    others = [replace(one, member_no=number, sent_to=number) for number in (5, 6)]
    done = replace(one, progress=1_000, complete_time=END, awards=1)
    assert list(counted([one, *others], chunk)) == [Counted(one, done, ["a", "b"])]
    assert chunk.looked_at == [3, 5, 6]
