"""What a reward may be, who can redeem it, and how far an account is from one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain import errors
from rewards_catalog.domain.reward import (
    MAX_POINTS,
    MAX_STOCK,
    Fulfilment,
    RewardState,
    check_fulfilment,
    check_new,
    check_redeemable,
    check_room,
    offer,
    paused,
)
from tests.unit.rewards_catalog.builders import a_reward


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "reward.title"),
        ({"title": "x" * 201}, "reward.title"),
        ({"description": "x" * 2001}, "reward.description"),
        ({"price": 0}, "reward.price"),
        ({"price": MAX_POINTS + 1}, "reward.price"),
        ({"limit_per_account": -1}, "reward.limit_per_account"),
        ({"limit_per_account": 1_000_001}, "reward.limit_per_account"),
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
    check_redeemable(a_reward(state=RewardState.ACTIVE))
    for state in (RewardState.DRAFT, RewardState.PAUSED):
        with pytest.raises(errors.RewardNotActive):
            check_redeemable(a_reward(state=state))


def test_a_draft_cannot_be_paused() -> None:
    assert paused(a_reward(state=RewardState.ACTIVE)) is RewardState.PAUSED
    assert paused(a_reward(state=RewardState.PAUSED)) is RewardState.PAUSED
    with pytest.raises(errors.RewardStateConflict):
        paused(a_reward(state=RewardState.DRAFT))


def test_pieces_are_added_to_a_stock_only_and_a_stock_has_a_limit() -> None:
    check_fulfilment(a_reward(), Fulfilment.STOCK)
    with pytest.raises(errors.WrongFulfilment):
        check_fulfilment(a_reward(fulfilment=Fulfilment.UNLIMITED), Fulfilment.STOCK)
    check_room(a_reward(available=MAX_STOCK - 1), 1)
    with pytest.raises(errors.StockLimit):
        check_room(a_reward(available=MAX_STOCK), 1)


def test_120_points_to_go() -> None:
    """`ListRewards` shows how far a reward is: the design's own example."""
    assert offer(a_reward(price=500), 380).points_to_go == 120


@given(price=st.integers(1, MAX_POINTS), has=st.integers(-MAX_POINTS, MAX_POINTS))
def test_with_the_points_to_go_a_reward_is_affordable_and_with_one_less_it_is_not(price: int, has: int) -> None:
    shown = offer(a_reward(price=price), has)
    assert shown.affordable == (has >= price)
    assert offer(a_reward(price=price), has + shown.points_to_go).affordable
    if not shown.affordable:
        assert not offer(a_reward(price=price), has + shown.points_to_go - 1).affordable
