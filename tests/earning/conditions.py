"""Conditions of random rules: in CEL, and what each says in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from guerdon.membership.v1.basket_pb2 import BasketLine

Facts: TypeAlias = Mapping[str, Any]

LINE: Mapping[str, Callable[[BasketLine, int], bool]] = {
    "line.category == 'shoes'": lambda line, _: line.category == "shoes",
    "line.sku.startsWith('s') && line.quantity >= 2": lambda line, _: line.sku.startswith("s") and line.quantity >= 2,
    "line.unit_price > 2500 || line.category == ''": lambda line, _: line.unit_price > 2500 or not line.category,
    "line.spend > 0 && line.spend < 10000": lambda _, net: 0 < net < 10000,
    "100 / line.unit_price == 0": lambda line, _: line.unit_price > 100,
}
"""Those that are asked for each line, with what was paid for it; the last fails where a line costs nothing."""
PURCHASE: Mapping[str, Callable[[Facts], bool]] = {
    "purchase.amount >= 5000": lambda facts: bool(facts["purchase"].amount.minor_units >= 5000),
    "purchase.channel == 'web'": lambda facts: bool(facts["purchase"].basket.channel == "web"),
    "'shoes' in purchase.categories": lambda facts: any(
        line.category == "shoes" for line in facts["purchase"].basket.lines
    ),
    "purchase.skus.exists(sku, sku == 's1')": lambda facts: any(
        line.sku == "s1" for line in facts["purchase"].basket.lines
    ),
    "member.tier != ''": lambda facts: bool(facts["tier"]),
    "member.year_points < 150": lambda facts: bool(facts["year_points"] < 150),
    "time.weekday == 1 || time.hour < 12": lambda facts: facts["local"].isoweekday() == 1 or facts["local"].hour < 12,
    "time.date >= '2026-11-10' && time.minute % 2 == 0": lambda facts: (
        facts["local"].date().isoformat() >= "2026-11-10" and facts["local"].minute % 2 == 0
    ),
    "purchase.amount / 0 == 1": lambda _: False,
}
"""Those that are asked once; the last cannot be evaluated, and so does not hold."""
