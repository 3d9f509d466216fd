"""Texts that people give, in campaigns, rules and baskets: a character that cannot be kept is refused by its field."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from membership.domain import campaigns
from membership.domain.baskets import Basket
from membership.domain.baskets import violations as wrong_basket
from membership.domain.campaigns import Campaign
from membership.domain.rules import BundleItem, Eligibility, violations
from tests.unit.membership.programs import NOW, bonus, line


@pytest.mark.parametrize("text", ["\0", "a\nb", "a" * 101])
def test_what_cannot_be_kept_is_refused_by_its_field(text: str) -> None:
    campaign = Campaign(1, 1, "spring", text, 0, None, 0, Fraction(0), archived=False, create_time=NOW)
    assert [one.field for one in campaigns.violations(campaign)] == ["display_name"]
    for name in ("excluded_categories", "excluded_skus"):
        words: dict[str, Any] = {name: (text,)}
        rule = bonus("b", 1, eligibility=Eligibility(**words))
        assert [one.field for one in violations(rule)] == [f"eligibility.{name}"]
    for item in (BundleItem(text, "", 1), BundleItem("", text, 1)):
        assert [one.field for one in violations(bonus("b", 1, bundle=(item,)))] == ["bundle"]
    for name in ("channel", "store", "cashier", "terminal"):
        place: dict[str, Any] = {name: text}
        assert [one.field for one in wrong_basket(Basket((line("a", 5),), **place), 5)] == [name]
    for name in ("sku", "category"):
        goods: dict[str, Any] = {name: text}
        basket = Basket((line("a", 5, **goods),))
        assert [one.field for one in wrong_basket(basket, 5)] == [f"lines[0].{name}"]
