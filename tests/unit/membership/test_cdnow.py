"""Real purchases: the sample of the CDNOW file (Fader and Hardie, public research data) under examples/data."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from membership.domain.earning import EarningRule, Rounding, Terms

SAMPLE = Path(__file__).parents[3] / "examples" / "data" / "cdnow_sample.txt"
PER_WHOLE_DOLLAR = Terms(EarningRule(Fraction(1, 100), Rounding.DOWN), Fraction(1))


def cents(dollars: str) -> int:
    whole, _, part = dollars.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


@pytest.fixture(scope="module")
def purchases() -> list[tuple[str, int]]:
    """Customer and cents of each row."""
    rows = [line.split() for line in SAMPLE.read_text().splitlines()[1:]]
    return [(row[0], cents(row[3])) for row in rows]


def test_the_sample_is_every_twentieth_customer(purchases: list[tuple[str, int]]) -> None:
    assert len(purchases) == 3_365
    assert len({customer for customer, _ in purchases}) == 1_178
    assert all(int(customer) % 20 == 0 for customer, _ in purchases)


def test_one_point_per_whole_dollar_earns_the_known_sums(purchases: list[tuple[str, int]]) -> None:
    earned: Counter[str] = Counter()
    for customer, amount in purchases:
        earned[customer] += PER_WHOLE_DOLLAR.award(amount).base_points
    assert earned.total() == 111_591
    assert earned.most_common(1) == [("05420", 1_930)]
    assert sum(points >= 1_000 for points in earned.values()) == 8
