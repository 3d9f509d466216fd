"""What a reward may be, who can redeem it when, and what each of its states allows."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain import errors, kinds
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.kinds import Cash
from rewards_catalog.domain.limits import Limits, Period
from rewards_catalog.domain.prices import MAX_POINTS
from rewards_catalog.domain.refund_terms import RefundPolicy, RefundTerms
from rewards_catalog.domain.reward import (
    MAX_STOCK,
    Changes,
    Fulfilment,
    Texts,
    check_fulfilment,
    check_new,
    check_redeemable,
    revised,
)
from rewards_catalog.domain.states import Act, RewardState, check_allowed
from tests.unit.rewards_catalog.builders import NOW, a_reward


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "reward.title"),
        ({"title": "x" * 201}, "reward.title"),
        ({"description": "x" * 2001}, "reward.description"),
        ({"price": 0}, "reward.price"),
        ({"price": MAX_POINTS + 1}, "reward.price"),
        ({"limits": Limits(per_account=-1)}, "reward.limit_per_account"),
        ({"limits": Limits(per_account=1_000_001)}, "reward.limit_per_account"),
        ({"limits": Limits(per_period=0, period=Period.DAY)}, "reward.limit_per_period.limit"),
        ({"limits": Limits(in_all=1_000_000_001)}, "reward.limit_in_all"),
        (
            {"limits": Limits(in_all=1), "available": 0, "fulfilment": Fulfilment.UNLIMITED},
            "reward.limit_in_all",
        ),
        ({"localizations": {"de": Texts("", "")}}, "reward.localizations[de].title"),
        ({"localizations": {"no tag": Texts("Tasse", "")}}, "reward.localizations"),
        ({"localizations": {f"aa-{number}": Texts("x", "") for number in range(51)}}, "reward.localizations"),
        ({"image_uri": "http://example.com/mug.png"}, "reward.image_uri"),
        ({"image_uri": "https://" + "x" * 493}, "reward.image_uri"),
        ({"category": "-"}, "reward.category"),
        ({"terms": "x" * 10_001}, "reward.terms"),
        ({"refund": RefundTerms(days=3_661)}, "reward.refund_days"),
        (
            {"refund": RefundTerms(RefundPolicy.WHOLE), "fulfilment": Fulfilment.CODE_POOL, "available": 0},
            "reward.refund_policy",
        ),
        ({"start_time": NOW, "end_time": NOW}, "reward.end_time"),
        ({"kind": kinds.GiftCard(Cash(0, "EUR"))}, "reward.gift_card.value.minor_units"),
        ({"kind": kinds.GiftCard(Cash(1, "eur"))}, "reward.gift_card.value.currency_code"),
        ({"kind": kinds.Merchandise("")}, "reward.merchandise.sku"),
        ({"kind": kinds.Experience("x" * 201, None)}, "reward.experience.location"),
        ({"kind": kinds.FixedDiscount(Cash(1, "EUR"), Cash(1, "USD"))}, "reward.fixed_discount.min_purchase"),
        ({"kind": kinds.PercentDiscount(Fraction(3, 2), None)}, "reward.percent_discount.fraction"),
        ({"kind": kinds.PercentDiscount(Fraction(0), None)}, "reward.percent_discount.fraction"),
        ({"kind": kinds.FreeShipping("a\nb")}, "reward.free_shipping.method"),
        ({"kind": kinds.Donation("")}, "reward.donation.beneficiary"),
        ({"kind": kinds.TierBenefit("lounge", 0)}, "reward.tier_benefit.days"),
        ({"available": -1}, "stock"),
        ({"available": MAX_STOCK + 1}, "stock"),
        ({"available": 1, "fulfilment": Fulfilment.UNLIMITED}, "stock"),
        ({"available": 1, "fulfilment": Fulfilment.CODE_POOL}, "stock"),
    ],
)
def test_a_bound_that_is_broken_is_named_by_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_new(a_reward(**changes))
    assert [violation.field for violation in refused.value.violations] == [field]


def test_all_broken_bounds_are_named_at_once() -> None:
    with pytest.raises(InvalidField) as refused:
        check_new(a_reward(title="", price=0, available=-1))
    assert [violation.field for violation in refused.value.violations] == ["reward.title", "reward.price", "stock"]


@pytest.mark.parametrize("changes", [{"price": 1, "available": 0}, {"price": MAX_POINTS, "available": MAX_STOCK}])
def test_the_bounds_themselves_are_allowed(changes: dict[str, Any]) -> None:
    check_new(a_reward(**changes))


def test_only_an_active_reward_can_be_redeemed() -> None:
    check_redeemable(a_reward(state=RewardState.ACTIVE), NOW, 0, Groups())
    for state in set(RewardState) - {RewardState.ACTIVE}:
        with pytest.raises(errors.RewardNotActive):
            check_redeemable(a_reward(state=state), NOW, 0, Groups())


def test_a_reward_can_be_redeemed_from_its_start_and_up_to_its_end_which_is_excluded() -> None:
    moment = timedelta(microseconds=1)
    reward = a_reward(start_time=NOW, end_time=NOW + 2 * moment)
    check_redeemable(reward, NOW, 0, Groups())
    check_redeemable(reward, NOW + moment, 0, Groups())
    with pytest.raises(errors.RewardNotStarted):
        check_redeemable(reward, NOW - moment, 0, Groups())
    with pytest.raises(errors.RewardEnded):
        check_redeemable(reward, NOW + 2 * moment, 0, Groups())


@pytest.mark.parametrize(
    ("audience", "admitted"),
    [
        (Groups(), True),
        (Groups(tiers=("gold",)), True),
        (Groups(tiers=("silver",)), False),
        (Groups(tiers=("silver", "gold"), segments=("students",)), True),
        (Groups(tiers=("gold",), segments=("parents",)), False),
        (Groups(segments=("gold",)), False),
    ],
)
def test_a_reward_is_for_those_in_one_of_its_tiers_and_in_one_of_its_segments(audience: Groups, admitted: bool) -> None:
    member = Groups(tiers=("gold",), segments=("students", "early"))
    assert audience.admits(member) == admitted
    assert Groups().admits(Groups())
    assert (audience == Groups()) == audience.admits(Groups())
    if not admitted:
        with pytest.raises(errors.NotInAudience):
            check_redeemable(a_reward(audience=audience), NOW, 0, member)


def test_a_member_gets_the_version_that_it_was_shown_or_none() -> None:
    check_redeemable(a_reward(version=3), NOW, 3, Groups())
    with pytest.raises(errors.RewardChanged) as refused:
        check_redeemable(a_reward(version=3), NOW, 2, Groups())
    assert (refused.value.metadata["asked"], refused.value.metadata["current"]) == ("2", "3")


@pytest.mark.parametrize(
    ("act", "allowed"),
    [
        (Act.ACTIVATE, {RewardState.DRAFT, RewardState.ACTIVE, RewardState.PAUSED}),
        (Act.PAUSE, {RewardState.ACTIVE, RewardState.PAUSED}),
        (Act.ARCHIVE, set(RewardState)),
        (Act.UPDATE, {RewardState.DRAFT, RewardState.ACTIVE, RewardState.PAUSED}),
        (Act.FILL, {RewardState.DRAFT, RewardState.ACTIVE, RewardState.PAUSED}),
        (Act.REDEEM, {RewardState.ACTIVE}),
    ],
)
def test_each_state_allows_what_the_table_says_and_nothing_comes_back_from_the_archive(
    act: Act, allowed: set[RewardState]
) -> None:
    for state in RewardState:
        if state in allowed:
            check_allowed(act, "programs/acme/rewards/mug", state)
        else:
            with pytest.raises(errors.RewardNotActive if act is Act.REDEEM else errors.RewardStateConflict):
                check_allowed(act, "programs/acme/rewards/mug", state)


def test_a_change_makes_the_next_version_and_no_change_makes_none() -> None:
    reward, later = a_reward(version=4, limits=Limits(per_account=2, in_all=9)), NOW + timedelta(days=1)
    changed = revised(reward, Changes({"price": 120}, {"per_account": 3}, {"days": 9}), later)
    assert changed == a_reward(
        version=5, price=120, limits=Limits(per_account=3, in_all=9), refund=RefundTerms(days=9), update_time=later
    )
    assert revised(reward, Changes({"price": 100}, {}, {}), later) is None
    with pytest.raises(InvalidField):
        revised(reward, Changes({"price": 0}, {}, {}), later)


def test_pieces_are_added_to_a_stock_only() -> None:
    check_fulfilment(a_reward(), Fulfilment.STOCK)
    with pytest.raises(errors.WrongFulfilment):
        check_fulfilment(a_reward(fulfilment=Fulfilment.UNLIMITED), Fulfilment.STOCK)
