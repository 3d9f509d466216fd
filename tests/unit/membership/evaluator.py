"""An evaluator of earning rules written from the specification alone, in plain `Fraction`s and without any of the
service's arithmetic: what the service awards must equal it.
"""

from __future__ import annotations

import math
from fractions import Fraction

from membership.domain.baskets import Basket
from membership.domain.earning import Rounding
from membership.domain.rules import Outcome, Period, Rule


def spread(amount: int, weights: list[int]) -> list[int]:
    """Largest remainder, by exact quotas."""
    if not sum(weights):
        return [0 for _ in weights]
    quotas = [Fraction(amount * weight, sum(weights)) for weight in weights]
    shares = [math.floor(quota) for quota in quotas]
    left = amount - sum(shares)
    for place in sorted(range(len(weights)), key=lambda at: (shares[at] - quotas[at], at))[:left]:
        shares[place] += 1
    return shares


def money(basket: Basket) -> list[dict[str, int]]:
    """What each line cost before and after discounts, and what points and gift cards paid of it. Tenders do not exceed
    the lines here.
    """
    after_line = [line.quantity * line.unit_price - line.discount for line in basket.lines]
    off = spread(sum(basket.order_discounts), after_line)
    net = [a - b for a, b in zip(after_line, off, strict=True)]
    points = spread(basket.points, net)
    cards = spread(basket.gift_cards, [a - b for a, b in zip(net, points, strict=True)])
    return [
        {"gross": line.quantity * line.unit_price, "net": n, "points": p, "cards": c}
        for line, n, p, c in zip(basket.lines, net, points, cards, strict=True)
    ]


def eligible(rule: Rule, basket: Basket) -> dict[int, int]:
    """The eligible spend of each line that is not left out."""
    kept = {}
    for place, (line, paid) in enumerate(zip(basket.lines, money(basket), strict=True)):
        spends = rule.eligibility
        if line.category in spends.excluded_categories or line.sku in spends.excluded_skus:
            continue
        if rule.condition and line.category != rule.condition.split("'")[1]:  # the only condition used here
            continue
        spend = paid["gross"] if spends.before_discount else paid["net"]
        kept[place] = max(0, spend - paid["points"] - (0 if spends.gift_cards else paid["cards"]))
    return kept


def exact_base(rule: Rule, basket: Basket, spends: dict[int, Fraction], places: list[int]) -> Fraction:
    """What a base rule gives before rounding for some lines."""
    if rule.outcome is Outcome.SPEND:
        spend = sum((spends[place] for place in places), Fraction(0))
        return (spend // rule.spend_increment) * rule.spend_increment * rule.rate
    if rule.outcome is Outcome.ITEM:
        return rule.rate * sum(basket.lines[place].quantity for place in places)
    if rule.outcome is Outcome.LINE:
        return rule.rate * len(places)
    return rule.rate


def round_points(exact: Fraction, rounding: Rounding) -> int:
    return math.floor(exact if rounding is Rounding.DOWN else exact + Fraction(1, 2))


def total(  # noqa: C901, PLR0912  # one page that reads as the specification does
    rules: list[Rule], basket: Basket, tier: Fraction
) -> dict[str, int]:
    """Points by rule id, "" for the tier. Every base rule rounds by order, in one way; there are no cooldowns."""
    spends = {rule.rule_id: eligible(rule, basket) for rule in rules}

    def met(rule: Rule) -> bool:
        if rule.outcome is Outcome.SPEND and not any(spends[rule.rule_id].values()):
            return False
        return bool(spends[rule.rule_id]) and sum(spends[rule.rule_id].values()) >= rule.minimum_spend

    bases = [rule for rule in rules if rule.outcome.is_base and met(rule)]
    won: dict[str, list[int]] = {rule.rule_id: [] for rule in bases}
    sum_of_lines = Fraction(0)
    for place in range(len(basket.lines)):
        offers = []
        for rule in bases:
            spend = spends[rule.rule_id].get(place)
            if rule.outcome is Outcome.VISIT or spend is None or (rule.outcome is Outcome.SPEND and not spend):
                continue
            each = {
                Outcome.SPEND: rule.rate * spend,
                Outcome.ITEM: rule.rate * basket.lines[place].quantity,
                Outcome.LINE: rule.rate,
            }
            offers.append((each[rule.outcome], rule.rule_id))
        if offers:
            best = max(offer for offer, _ in offers)
            sum_of_lines += best
            won[next(rule_id for offer, rule_id in offers if offer == best)].append(place)
    visits = [rule for rule in bases if rule.outcome is Outcome.VISIT]
    visit = max(visits, key=lambda rule: rule.rate, default=None)
    if visit is not None and visit.rate > sum_of_lines:
        won = {rule.rule_id: [] for rule in bases}
        won[visit.rule_id] = [-1]

    multipliers = [rule for rule in rules if rule.outcome is Outcome.MULTIPLIER and met(rule)]

    def covering(place: int) -> list[str]:
        here = [rule for rule in multipliers if place in spends[rule.rule_id] or place == -1]
        together = [rule for rule in here if not rule.exclusive]
        alone = max((rule for rule in here if rule.exclusive), key=lambda rule: rule.rate, default=None)
        added = 1 + sum(rule.rate - 1 for rule in together) + (tier - 1)
        if alone is not None and alone.rate > added:
            return [alone.rule_id]
        return [*([""] if tier != 1 else []), *(rule.rule_id for rule in together)]

    steps: list[tuple[str, Fraction, int | None]] = []
    for rule in bases:
        if won[rule.rule_id]:
            places = won[rule.rule_id]
            steps.append((rule.rule_id, exact_base(rule, basket, _exact(spends[rule.rule_id]), places), _cap(rule)))
    for rule_id, rate, cap in [("", tier, None), *((rule.rule_id, rule.rate, _cap(rule)) for rule in multipliers)]:
        more = Fraction(0)
        for rule in bases:
            covered = [place for place in won[rule.rule_id] if rule_id in covering(place)]
            if covered:
                more += (rate - 1) * exact_base(rule, basket, _exact(spends[rule.rule_id]), covered)
        steps.append((rule_id, more, cap))

    points, running, before = dict[str, int](), Fraction(0), 0
    for rule_id, exact, cap in steps:
        running += exact if cap is None else min(exact, Fraction(cap))
        now = round_points(running, bases[0].rounding if bases else Rounding.DOWN)
        points[rule_id], before = now - before, now
    for rule in rules:
        if rule.outcome is Outcome.BONUS and met(rule):
            most = _cap(rule)
            points[rule.rule_id] = int(rule.rate) if most is None else min(int(rule.rate), most)
    return {rule_id: given for rule_id, given in points.items() if given}


def _exact(spends: dict[int, int]) -> dict[int, Fraction]:
    return {place: Fraction(spend) for place, spend in spends.items()}


def _cap(rule: Rule) -> int | None:
    return min((points for period, points in rule.caps if period is Period.PURCHASE), default=None)
