"""What rules give in other units: stacked, timed and taken back by themselves."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from membership.domain.accounts import wallet_id
from membership.domain.availability import Availability
from membership.domain.clawbacks import CameBack, wallet_shares
from membership.domain.deliveries import Credit
from membership.domain.earning import Rounding
from membership.domain.rules import Outcome, Rule
from membership.domain.timing import timed
from membership.operations.deliveries import batches
from tests.unit.membership.programs import NOW, PER_DOLLAR, bonus, book, program, rated, times


@given(st.integers(0, 2**32), st.booleans(), st.booleans())
def test_returns_take_of_each_wallet_what_its_rules_do_not_give_and_everything_at_last(
    seed: int, mild: bool, loses: bool
) -> None:
    dice, later = Random(seed), Availability(after_days=3)
    cash = Rule("cash", Outcome.SPEND, Fraction(dice.randint(1, 90), 1_000), Rounding.HALF_UP, unit="cash")
    rules = [
        PER_DOLLAR,
        cash,
        times("twice", Fraction(dice.randint(11, 40), 10), unit="cash", availability=later),
        bonus("over", dice.randint(1, 99), unit="cash", minimum_spend=30_00, caps=((1, dice.randint(1, 60)),)),
        Rule("stamp", Outcome.VISIT, Fraction(1), Rounding.DOWN, unit="stamps"),
    ]
    of, amount = program(rules, Fraction(5, 4)), dice.randint(1, 99_99)
    frozen = timed(of, book(rules, of.settings.tiers), rated(rules, amount, Fraction(5, 4)), NOW, None).frozen
    assert frozen is not None
    beside = {place: tranche.points for place, _, tranche in frozen.credits_beside()}
    assert sum(beside.values()) == sum(sum(one.points) for one in frozen.wallets)
    left, back, gone = dict(beside), 0, frozenset[int]()
    for turn, refund in enumerate([*(dice.randint(1, amount) for _ in range(4)), amount]):
        if loses and left and turn == 1:
            gone = frozenset([dice.choice(sorted(left))])
            left |= dict.fromkeys(gone, 0)
        back = min(amount, back + refund)
        before = {place: points - left[place] for place, points in beside.items()}
        for place, part in wallet_shares(frozen, CameBack(amount=back), before, gone, mild=mild).items():
            left[place] -= part
        assert not left or min(left.values()) >= 0
    assert not any(left.values())


def test_units_stack_apart_and_the_tier_multiplies_points_alone() -> None:
    rules = [
        PER_DOLLAR,
        Rule("cash", Outcome.SPEND, Fraction(1, 50), Rounding.DOWN, unit="cash"),
        Rule("less", Outcome.SPEND, Fraction(1, 100), Rounding.DOWN, unit="cash"),
        times("twice", 2, unit="cash"),
        times("points", 3),
    ]
    one = rated(rules, 10_00, Fraction(5, 4))
    assert (one.base_points, one.tier_points, one.rule_points) == (10, 2, 20)
    assert one.frozen is not None
    [cash] = one.frozen.wallets
    assert {term.rule_id: points for term, points in zip(cash.terms, cash.points, strict=True)} == {
        "cash": 20,
        "less": 0,
        "twice": 20,
    }


def test_a_batch_is_of_one_unit_and_of_so_many_credits() -> None:
    credits_ = [
        Credit(str(place), "m", 1, None, None, "", unit=unit) for place, unit in enumerate(["", "c", "", "c", "c"])
    ]
    assert [list(one) for one in batches(credits_, 2, alike=False)] == [[0, 2], [1, 3], [4]]
    assert [list(one) for one in batches(credits_, 3, alike=True)] == [[0, 1, 2], [3, 4]]


def test_a_wallets_id_fits_whatever_the_names() -> None:
    assert wallet_id("ada", "cash") == "m-ada~cash"
    assert len(wallet_id("m" * 60, "u" * 60)) <= 63
    assert wallet_id("m" * 60, "cash") != wallet_id("m" * 60, "cask")
    assert len({wallet_id(member, unit) for member in ("a", "b") for unit in ("c", "d")}) == 4
