"""Random programs, and what one member buys in them and brings back, as messages of the contract.

They are made from a seed by `random`: Hypothesis would take thirty times as long to draw one as it takes to rate it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration

from guerdon.membership.v1 import basket_pb2, program_pb2, purchase_pb2, rule_pb2
from guerdon.type.v1.cash_pb2 import Cash
from guerdon.type.v1.rational_pb2 import Rational
from tests.earning.conditions import LINE, PURCHASE
from tests.earning.evaluator import BASES, largest_remainder

T = TypeVar("T")

DAY_S = 86_400
RANGES = {
    "points_per_minor_unit": (Fraction(1, 1000), Fraction(1, 5)),
    "points_per_item": (Fraction(1, 10), Fraction(40)),
    "points_per_line": (Fraction(1, 10), Fraction(60)),
    "points_per_visit": (Fraction(1, 10), Fraction(200)),
    "multiplier": (Fraction(11, 10), Fraction(4)),
}
OUTCOMES = (*RANGES, "bonus_points", "multiplier", "points_per_minor_unit")
TIERS = (
    (),
    ((0, (5, 4)),),
    ((40, (5, 4)), (200, (2, 1))),
    ((0, (1, 1)), (90, (3, 2))),
)
"""Thresholds and multipliers."""
MONTHS = (12, 25)
"""Of expiries: longer than any purchase lies back."""


@dataclass(frozen=True)
class Bought:
    """A purchase, so many seconds after the rules were made, and what then comes back of it: a piece of a line, by its
    place among those that have pieces left, or so many hundredths of the amount that is left.
    """

    after_s: int
    purchase: purchase_pb2.Purchase
    back: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Case:
    """A program, its rules with the base rule first, and what a member buys in the order in which it is told of. The
    program and the purchases have no names but their ids.
    """

    program: program_pb2.Program
    rules: tuple[rule_pb2.EarningRule, ...]
    bought: tuple[Bought, ...]


def case(seed: int, rules: int, purchases: int, within_s: int) -> Case:
    """A program with so many rules beside the base rule, and so many purchases: most at most `within_s` after the
    rules are made, the others before: these meet the base rule alone.
    """
    dice = Random(seed)
    made = [_rule(dice, "base", dice.choice(BASES))]
    made += [_rule(dice, f"r{number}", dice.choice(OUTCOMES)) for number in range(1, rules + 1)]
    tiers = [
        program_pb2.Tier(tier_id=f"t{place}", threshold=least, multiplier=Rational(numerator=of[0], denominator=of[1]))
        for place, (least, of) in enumerate(dice.choice(TIERS))
    ]
    policy = dice.choice([program_pb2.RETURN_POLICY_STRICT, program_pb2.RETURN_POLICY_MILD])
    for rule in made:
        _time(dice, rule)
    program = program_pb2.Program(earning_rule=made[0], tiers=tiers, return_policy=policy, return_window_days=30)
    if dice.random() < 0.5:
        program.expiry_policy.months = dice.choice(MONTHS)
    if dice.random() < 0.3:
        program.availability.after_return_window = True
    return Case(program, tuple(made), tuple(_bought(dice, number, within_s) for number in range(purchases)))


def _rule(dice: Random, rule_id: str, outcome: str) -> rule_pb2.EarningRule:
    is_base = outcome in BASES
    rule = rule_pb2.EarningRule(
        name=f"rules/{rule_id}",
        minimum_spend=dice.choice([0, 0, 0, 30_00, 150_00]),
        spend_increment=dice.choice([0, 1, 200]) if outcome == BASES[0] else 0,
        exclusive=outcome == "multiplier" and dice.random() < 0.4,
        caps=[
            rule_pb2.Cap(period=period, points=dice.choice([3, 7, 150, 400]))
            for period in dice.sample(rule_pb2.Cap.Period.values()[1:], dice.choice([0, 0, 1, 2]))
        ],
    )
    if outcome == "bonus_points":
        rule.bonus_points = dice.randint(1, 500)
    else:
        least, most = RANGES[outcome]
        exact = least + (most - least) * Fraction(dice.randint(0, 40), 40)
        getattr(rule, outcome).CopyFrom(Rational(numerator=exact.numerator, denominator=exact.denominator))
    if is_base:
        rule.rounding = dice.choice([rule_pb2.ROUNDING_DOWN, rule_pb2.ROUNDING_HALF_UP])
        rule.round_each_line = dice.random() < 0.3
    if dice.random() < 0.4:
        rule.eligibility.CopyFrom(_eligibility(dice))
    if dice.random() < 0.15:
        goods = dice.choice([{"sku": "s1"}, {"category": "shoes"}])
        rule.bundle.add(quantity=dice.choice([0, 2]), **goods)
        rule.bundle.add(category="shirts")
    if seconds := dice.choice([0, 0, 0, 60, 3 * 3600, 20 * DAY_S]):
        rule.cooldown.CopyFrom(Duration(seconds=seconds))
    if dice.random() < 0.5:
        rule.condition = dice.choice([*PURCHASE] if outcome == BASES[-1] else [*LINE, *PURCHASE])
    return rule


def _time(dice: Random, rule: rule_pb2.EarningRule) -> None:
    """Gives some rules times of their own."""
    if dice.random() < 0.2:
        rule.expiry_policy.months = dice.choice(MONTHS)
    if dice.random() < 0.3:
        rule.availability.SetInParent()
        if days := dice.choice([0, 3, 90]):
            rule.availability.after_days = days


def _eligibility(dice: Random) -> rule_pb2.Eligibility:
    flags = ("before_discount", "earn_on_gift_cards", "earn_on_tax", "earn_on_shipping")
    return rule_pb2.Eligibility(
        excluded_categories=_some(dice, ["shirts"]),
        excluded_skus=_some(dice, ["s1"]),
        **{flag: dice.random() < 0.5 for flag in flags},
    )


def _some(dice: Random, values: Sequence[T]) -> list[T]:
    return [value for value in values if dice.random() < 0.3]


def _bought(dice: Random, number: int, within_s: int) -> Bought:
    after_s = dice.randint(-300 * DAY_S, -1) if dice.random() < 0.2 else dice.randint(0, within_s)
    purchase = purchase_pb2.Purchase(name=f"purchases/p{number}")
    amount = dice.choice([0, 1, 99, 50_00, 149_99, 333_33])
    if dice.random() < 0.75:
        purchase.basket.CopyFrom(_basket(dice))
        amount = total_of(purchase.basket)
    purchase.amount.CopyFrom(Cash(minor_units=amount, currency_code="USD"))
    steps = [(dice.choice(["line", "line", "amount"]), dice.randint(0, 99)) for _ in range(dice.randint(0, 4))]
    return Bought(after_s, purchase, tuple(steps))


def _basket(dice: Random) -> basket_pb2.Basket:
    lines = []
    for place in range(dice.randint(1, 4)):
        price, quantity = dice.choice([0, 1, 99, 100, 33_33, 50_00, 199_99]), dice.randint(1, 3)
        lines.append(
            basket_pb2.BasketLine(
                line_id=f"l{place}",
                sku=dice.choice(["", "s1", "s2"]),
                category=dice.choice(["", "shoes", "shirts"]),
                quantity=quantity,
                unit_price=price,
                discount=price * quantity * dice.choice([0, 0, 10, 100]) // 100,
            )
        )
    goods = sum(line.quantity * line.unit_price - line.discount for line in lines)
    basket = basket_pb2.Basket(
        lines=lines,
        order_discounts=[goods * share // 100 for share in dice.choice([[], [], [7], [10, 25], [100]])],
        tax=dice.choice([0, 0, 1_19, 20_00]),
        shipping=dice.choice([0, 0, 4_90]),
        channel=dice.choice(["", "web"]),
    )
    shares = dice.choice([(), (), (1, 1, 1), (5, 0, 2), (0, 1, 0), (0, 30, 1), (1, 0, 40)])
    if shares:
        paid = largest_remainder(total_of(basket), shares)
        means = (basket_pb2.Tender.MEANS_MONEY, basket_pb2.Tender.MEANS_GIFT_CARD, basket_pb2.Tender.MEANS_POINTS)
        basket.tenders.extend(map(_tender, means, paid))
    return basket


def _tender(means: basket_pb2.Tender.Means.ValueType, paid: int) -> basket_pb2.Tender:
    return basket_pb2.Tender(means=means, minor_units=paid)


def total_of(basket: basket_pb2.Basket) -> int:
    """The amount of a purchase with a basket."""
    goods = sum(line.quantity * line.unit_price - line.discount for line in basket.lines)
    return goods - sum(basket.order_discounts) + basket.tax + basket.shipping
