"""What an account is shown of a catalog: in its language, and how far it is from each reward."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.errors import InvalidField
from rewards_catalog.domain.audience import Groups
from rewards_catalog.domain.prices import MAX_POINTS
from rewards_catalog.domain.reward import Texts
from rewards_catalog.domain.shelf import Order, Sought, check_sought, offer, searchable, texts_for, titles
from tests.unit.rewards_catalog.builders import a_reward

ALL = Sought(Order.CHEAPEST, [], "", "", 0, 0, False, "", Groups())


def test_120_points_to_go() -> None:
    """`ListRewards` shows how far a reward is: the design's own example."""
    assert offer(a_reward(price=500), 380, "").points_to_go == 120


@given(price=st.integers(1, MAX_POINTS), has=st.integers(-MAX_POINTS, MAX_POINTS))
def test_with_the_points_to_go_a_reward_is_affordable_and_with_one_less_it_is_not(price: int, has: int) -> None:
    shown = offer(a_reward(price=price), has, "")
    assert shown.affordable == (has >= price)
    assert offer(a_reward(price=price), has + shown.points_to_go, "").affordable
    if not shown.affordable:
        assert not offer(a_reward(price=price), has + shown.points_to_go - 1, "").affordable
    only_affordable = replace(ALL, affordable_only=True)
    assert (price <= only_affordable.most_points(has)) == shown.affordable


@pytest.mark.parametrize(
    ("locale", "title"),
    [("", "Mug"), ("de", "Tasse"), ("DE", "Tasse"), ("de-CH", "Tasse"), ("de-AT", "Häferl"), ("de-AT-1996", "Häferl")],
)
def test_a_reward_is_called_as_in_the_nearest_language_that_it_has(locale: str, title: str) -> None:
    reward = a_reward(localizations={"de": Texts("Tasse", ""), "de-AT": Texts("Häferl", "")})
    assert texts_for(reward, locale).title == title
    assert texts_for(reward, "fr").title == "Mug"


def test_titles_are_searched_in_every_language_without_their_capitals() -> None:
    reward = a_reward(title="Große TASSE", localizations={"en": Texts("Mug", "")})
    for part in ("grosse", "GROSSE", "tasse", "mUg"):
        assert searchable(part) in titles(reward)
    assert searchable("tassemug") not in titles(reward)


@pytest.mark.parametrize(
    ("sought", "field"),
    [
        (replace(ALL, min_price=-1), "min_price"),
        (replace(ALL, max_price=MAX_POINTS + 1), "max_price"),
        (replace(ALL, title_part="x" * 101), "title_contains"),
        (replace(ALL, title_part="\0"), "title_contains"),
        (replace(ALL, category="\0"), "category"),
        (replace(ALL, locale="x" * 36), "locale"),
        (replace(ALL, kinds=["DONATION"] * 11), "kinds"),
        (replace(ALL, member=Groups(tiers=("gold", "gold"))), "member_groups.tiers"),
        (replace(ALL, member=Groups(segments=("",))), "member_groups.segments"),
        (replace(ALL, member=Groups(segments=tuple(f"s{n}" for n in range(51)))), "member_groups.segments"),
    ],
)
def test_a_bound_that_is_broken_is_named_by_its_field(sought: Sought, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_sought(sought)
    assert [violation.field for violation in refused.value.violations] == [field]
