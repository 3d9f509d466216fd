"""Earning rules over the service: made, changed, met by baskets, told with reasons, held against returns."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.membership.v1 import basket_pb2, program_pb2, purchase_pb2, rule_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership.world import Shop, World, row, usd, when

GOLD = program_pb2.Tier(tier_id="gold", threshold=0, multiplier=Rational(numerator=5, denominator=4))
NO_GIFT_CARDS = rule_pb2.Eligibility(excluded_categories=["gift-cards"])
SHOES: dict[str, Any] = {
    "points_per_minor_unit": Rational(numerator=3, denominator=100),
    "rounding": rule_pb2.ROUNDING_DOWN,
    "condition": "line.category == 'shoes'",
    "caps": [rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_PURCHASE, points=150)],
}
APPLIED = basket_pb2.Award.VERDICT_APPLIED


def now() -> Timestamp:
    """A minute ahead: after the rules that a test has made, which are in force from their making on."""
    return Timestamp(seconds=int(time.time()) + 60)


def named(shop: Shop, rule_id: str, **fields: Any) -> rule_pb2.EarningRule:
    return rule_pb2.EarningRule(name=f"{shop.program}/rules/{rule_id}", **fields)


async def make(shop: Shop, rule_id: str, **fields: Any) -> rule_pb2.EarningRule:
    request = rule_pb2.CreateEarningRuleRequest(
        earning_rule=named(shop, rule_id, **fields), request_id=new_request_id()
    )
    return (await shop.membership.membership.CreateEarningRule(request)).earning_rule


async def update(shop: Shop, rule_id: str, **fields: Any) -> rule_pb2.EarningRule:
    request = rule_pb2.UpdateEarningRuleRequest(
        earning_rule=named(shop, rule_id, **fields), request_id=new_request_id()
    )
    return (await shop.membership.membership.UpdateEarningRule(request)).earning_rule


async def archive(shop: Shop, rule_id: str) -> rule_pb2.EarningRule:
    request = rule_pb2.ArchiveEarningRuleRequest(name=f"{shop.program}/rules/{rule_id}", request_id=new_request_id())
    return (await shop.membership.membership.ArchiveEarningRule(request)).earning_rule


def with_basket(shop: Shop, purchase_id: str, basket: basket_pb2.Basket, cents: int) -> purchase_pb2.Purchase:
    purchase = shop.purchase(purchase_id, "ada", cents, now())
    purchase.basket.CopyFrom(basket)
    return purchase


async def record(shop: Shop, purchase: purchase_pb2.Purchase) -> pb.RecordPurchaseResponse:
    request = pb.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id())
    return await shop.membership.membership.RecordPurchase(request)


async def back(shop: Shop, return_id: str, purchase_id: str, **fields: Any) -> purchase_pb2.Return:
    one = purchase_pb2.Return(
        name=f"{shop.program}/returns/{return_id}",
        purchase=f"{shop.program}/purchases/{purchase_id}",
        event_time=when(2026, 1, 9, 12),
        **fields,
    )
    request = pb.RecordReturnRequest(goods_return=one, request_id=new_request_id())
    return (await shop.membership.membership.RecordReturn(request)).goods_return


def basket_by_hand() -> basket_pb2.Basket:
    return basket_pb2.Basket(
        lines=[
            basket_pb2.BasketLine(line_id="a", category="shoes", quantity=1, unit_price=80_00),
            basket_pb2.BasketLine(line_id="b", category="shirts", quantity=2, unit_price=30_00),
            basket_pb2.BasketLine(line_id="c", category="gift-cards", quantity=1, unit_price=20_00, final_sale=True),
        ],
        order_discounts=[16_00],
        tenders=[
            basket_pb2.Tender(means=basket_pb2.Tender.MEANS_MONEY, minor_units=129_60),
            basket_pb2.Tender(means=basket_pb2.Tender.MEANS_POINTS, minor_units=14_40),
        ],
        channel="store",
    )


async def shop_by_hand(world: World, **changes: Any) -> Shop:
    base = rule_pb2.EarningRule(
        points_per_minor_unit=Rational(numerator=1, denominator=100),
        rounding=rule_pb2.ROUNDING_DOWN,
        eligibility=NO_GIFT_CARDS,
    )
    shop = await world.shop(**({"welcome_points": 0, "tiers": [GOLD], "earning_rule": base} | changes))
    await shop.enroll("ada")
    await make(shop, "shoes", **SHOES)
    await make(
        shop, "in-store", multiplier=Rational(numerator=2, denominator=1), condition="purchase.channel == 'store'"
    )
    await make(shop, "over-100", bonus_points=500, minimum_spend=100_00, eligibility=NO_GIFT_CARDS)
    return shop


async def test_a_basket_worked_out_by_hand_and_three_partial_returns_of_it(world: World) -> None:
    """$80 + $60 + $20 with a coupon of $16 and $14.40 in points: $64.80 + $48.60 + $16.20 in money, the last excluded.

    48.6 of the shirts at 1 per $1, and 150, the cap, of the shoes at 3 per $1: 194.4 exactly. The tier's 5/4 adds
    60.75, the doubling 243: running total 48.6, 198.6, 259.35, 502.35. $113.40 is over $100: 500 more. 1,002 in all.

    One shirt back, $89.10 are left: 24.3 + 150 + 54.675 + 218.7 is 447, 555 taken. Then $11.70 of $117, a tenth: 417,
    30 more. Then the shoes: of the shirt 24.3 x (1 - 11.70/45) = 17.982 with 4.4955 and 17.982: 40, 377 more. Then
    all: 40.
    """
    shop = await shop_by_hand(world)
    purchase = with_basket(shop, "p1", basket_by_hand(), 144_00)
    asked = pb.SimulatePurchaseRequest(purchase=purchase)
    simulated = (await shop.membership.membership.SimulatePurchase(asked)).purchase
    with pytest.raises(NotFoundError):
        await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=purchase.name))
    recorded = (await record(shop, purchase)).purchase
    assert simulated.rating == recorded.rating
    assert recorded.basket == basket_by_hand()
    told = {award.rule.rpartition("/")[2]: (award.verdict, award.points) for award in recorded.rating.awards}
    given = {"base": 48, "shoes": 150, "": 61, "in-store": 243, "over-100": 500}
    assert told == {rule: (APPLIED, points) for rule, points in given.items()}
    shoes = recorded.rating.awards[1]
    assert (list(shoes.line_ids), shoes.version) == (["a"], 1)
    assert shoes.explanation == (
        "6480 of 6480 minor units x 3/100 = 972/5, rounded down with what was added before, at most 150: 150 points"
    )
    assert (await shop.balance("ada")).posted == 1_002

    shirt = await back(shop, "r1", "p1", lines=[basket_pb2.ReturnedLine(line_id="b", quantity=1)])
    money = await back(shop, "r2", "p1", amount=usd(11_70))
    shoes_back = await back(shop, "r3", "p1", lines=[basket_pb2.ReturnedLine(line_id="a", quantity=1)])
    steps = [(one.points, one.reversed_points, one.amount.minor_units) for one in (shirt, money, shoes_back)]
    assert steps == [(555, 555, 27_00), (30, 30, 11_70), (377, 377, 72_00)]
    with pytest.raises(RefusedError) as final:
        await back(shop, "r4", "p1", lines=[basket_pb2.ReturnedLine(line_id="c", quantity=1)])
    assert (final.value.reason, final.value.metadata) == (
        "LINE_NOT_RETURNABLE",
        {"line": "c", "returnable": "0", "asked": "1"},
    )
    rest = await back(shop, "r5", "p1", whole_order=True)
    assert (rest.points, rest.amount.minor_units) == (40, 33_30)
    assert (await shop.balance("ada")).posted == 0


@pytest.mark.parametrize("change", ["changed", "archived", "doubled", "left"])
async def test_a_return_takes_by_the_rules_as_they_were(world: World, change: str) -> None:
    shop = await shop_by_hand(world)
    await record(shop, with_basket(shop, "p1", basket_by_hand(), 144_00))
    plain = await world.shop(welcome_points=0, tiers=[])
    await plain.enroll("ada")
    await plain.buy("p1", "ada", 60_00, now())
    base = {"points_per_minor_unit": Rational(numerator=7, denominator=100), "rounding": rule_pb2.ROUNDING_HALF_UP}
    if change == "changed":
        await update(shop, "shoes", **(SHOES | {"caps": [], "minimum_spend": 500_00}))
        await update(plain, "base", **base)
    elif change == "archived":
        for rule_id in ("base", "shoes", "in-store", "over-100"):
            await archive(shop, rule_id)
        await archive(plain, "base")
    elif change == "doubled":
        await make(shop, "shoes-again", **(SHOES | {"points_per_minor_unit": Rational(numerator=6, denominator=100)}))
        await make(plain, "base-again", **base)
    assert (await back(shop, "r1", "p1", lines=[basket_pb2.ReturnedLine(line_id="b", quantity=1)])).points == 555
    assert (await back(plain, "r1", "p1", amount=usd(20_50))).points == 21
    read = await plain.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=f"{plain.program}/purchases/p1"))
    [award] = read.purchase.rating.awards
    assert (award.rule, award.version, award.points) == (f"{plain.program}/rules/base", 1, 60)


@pytest.mark.parametrize("order", ["paid, free", "free, paid", "paid, whole"])
async def test_what_cost_nothing_comes_back_in_any_order_and_takes_what_it_earned(world: World, order: str) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    rate = Rational(numerator=100, denominator=1)
    await make(shop, "pieces", points_per_item=rate, rounding=rule_pb2.ROUNDING_DOWN)
    basket = basket_pb2.Basket(
        lines=[
            basket_pb2.BasketLine(line_id="paid", quantity=1, unit_price=10_00),
            basket_pb2.BasketLine(line_id="free", quantity=1, unit_price=5_00, discount=5_00),
        ]
    )
    await record(shop, with_basket(shop, "p1", basket, 10_00))
    assert (await shop.balance("ada")).posted == 200
    for number, what in enumerate(order.split(", ")):
        asked = (
            {"whole_order": True} if what == "whole" else {"lines": [basket_pb2.ReturnedLine(line_id=what, quantity=1)]}
        )
        assert (await back(shop, f"r{number}", "p1", **asked)).points == 100
    assert (await shop.balance("ada")).posted == 0
    with pytest.raises(RefusedError) as exceeded:
        await back(shop, "again", "p1", whole_order=True)
    assert exceeded.value.reason == "RETURN_EXCEEDS_PURCHASE"


async def test_a_rule_works_for_what_is_recorded_after_it_and_from_its_effective_time(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    assert (await shop.buy("p1", "ada", 10_00, now())).purchase.rating.rule_points == 0
    double = {"multiplier": Rational(numerator=2, denominator=1)}
    made = await make(shop, "double", **double)
    assert (made.version, made.archived, made.effective_time) == (1, False, made.create_time)
    assert (await shop.buy("p2", "ada", 10_00, now())).purchase.rating.rule_points == 10
    assert (await shop.buy("late", "ada", 10_00, when(2026, 1, 5))).purchase.rating.rule_points == 0
    tomorrow = now()
    tomorrow.FromSeconds(tomorrow.seconds + 86_400)
    later = await update(shop, "double", multiplier=Rational(numerator=3, denominator=1), effective_time=tomorrow)
    assert (later.version, later.effective_time) == (2, tomorrow)
    assert (await shop.buy("p3", "ada", 10_00, now())).purchase.rating.rule_points == 10
    assert (await archive(shop, "double")).archived
    assert (await archive(shop, "double")).version == 3
    assert (await shop.buy("p4", "ada", 10_00, now())).purchase.rating.awards[0].version == 1
    read = await shop.membership.membership.GetEarningRule(rule_pb2.GetEarningRuleRequest(name=made.name))
    assert [(one.version, one.archived) for one in read.versions] == [(1, False), (2, False), (3, True)]
    assert read.earning_rule == read.versions[-1]
    listing = rule_pb2.ListEarningRulesRequest(parent=shop.program)
    listed = (await shop.membership.membership.ListEarningRules(listing)).earning_rules
    assert [one.name.rpartition("/")[2] for one in listed] == ["base"]
    listing.show_archived = True
    assert len((await shop.membership.membership.ListEarningRules(listing)).earning_rules) == 2
    totals = await shop.totals()
    assert (totals.base_points, totals.rule_points) == (50, 20)


async def test_a_cap_holds_however_many_tills_ask_at_once_and_in_imports(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await make(shop, "five", bonus_points=5, caps=[rule_pb2.Cap(period=rule_pb2.Cap.PERIOD_DAY, points=12)])
    noon = now()
    answers = await asyncio.gather(*(shop.buy(f"p{n}", "ada", 1_00, noon) for n in range(6)))
    assert sum(one.purchase.rating.rule_points for one in answers) == 12
    verdicts = {one.purchase.rating.awards[-1].verdict for one in answers}
    assert verdicts == {APPLIED, basket_pb2.Award.VERDICT_CAP_USED_UP}
    [imported] = await shop.import_([shop.chunk(1, [row(f"b{n}", "ben", 1_00, noon) for n in range(4)])])
    assert (imported.base_points, imported.rule_points) == (4, 12)
    assert (await shop.balance("ben")).posted == 16


async def test_a_cooldown_lets_the_rule_rest(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await make(shop, "visit", bonus_points=5, cooldown=Duration(seconds=3600))
    assert (await shop.buy("p1", "ada", 1_00, now())).purchase.rating.rule_points == 5
    second = (await shop.buy("p2", "ada", 1_00, now())).purchase
    assert second.rating.awards[-1].verdict == basket_pb2.Award.VERDICT_COOLDOWN


async def test_a_return_that_arrives_before_its_purchase_waits_for_it(shop: Shop) -> None:
    await shop.enroll("ada")
    early = await back(shop, "r1", "p1", amount=usd(20_50))
    assert (early.state, early.points) == (purchase_pb2.Return.STATE_WAITING, 0)
    too_much = await back(shop, "r2", "p1", amount=usd(60_01))
    assert too_much.state == purchase_pb2.Return.STATE_WAITING
    with pytest.raises(RefusedError) as differs:
        await back(shop, "r1", "p1", amount=usd(20_51))
    assert differs.value.reason == "RETURN_DIFFERS"
    await shop.buy("p1", "ada", 60_00)
    deadline = time.monotonic() + 30
    while (again := await back(shop, "r1", "p1", amount=usd(20_50))).state != purchase_pb2.Return.STATE_POSTED:
        assert time.monotonic() < deadline, again
        await asyncio.sleep(0.1)
    assert (again.points, (await shop.balance("ada")).posted) == (21, 50 + 39)
    with pytest.raises(RefusedError) as exceeds:
        await back(shop, "r2", "p1", amount=usd(60_01))
    assert exceeds.value.reason == "RETURN_EXCEEDS_PURCHASE"


async def test_a_mild_program_leaves_what_is_below_a_full_point(world: World) -> None:
    """Source: Square forum 22747: $21.90 earned 2 at 1 point per $10; a refund of $1, $5, $10, $20 takes 0, 0, 1, 2."""
    rule = rule_pb2.EarningRule(
        points_per_minor_unit=Rational(numerator=1, denominator=1000), rounding=rule_pb2.ROUNDING_DOWN
    )
    changes = {"earning_rule": rule, "welcome_points": 0, "tiers": [], "return_policy": program_pb2.RETURN_POLICY_MILD}
    shop = await world.shop(**changes)
    await shop.enroll("ada")
    for cents, points in ((1_00, 0), (5_00, 0), (10_00, 1), (20_00, 2)):
        await shop.buy(f"p{cents}", "ada", 21_90)
        assert (await shop.bring_back(f"r{cents}", f"p{cents}", cents)).goods_return.points == points


async def test_what_is_wrong_with_a_rule_is_said_by_field(shop: Shop) -> None:
    one = Rational(numerator=1, denominator=100)
    down = rule_pb2.ROUNDING_DOWN
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "earning_rule.points_per_minor_unit"),
        ({"points_per_minor_unit": one}, "earning_rule.rounding"),
        ({"points_per_item": Rational(numerator=0, denominator=1), "rounding": down}, "earning_rule.points_per_item"),
        ({"multiplier": Rational(numerator=1, denominator=1)}, "earning_rule.multiplier"),
        ({"bonus_points": 0}, "earning_rule.bonus_points"),
        ({"bonus_points": 5, "cooldown": Duration(nanos=5)}, "earning_rule.cooldown"),
        ({"bonus_points": 5, "caps": [rule_pb2.Cap(points=5)]}, "earning_rule.caps"),
        ({"bonus_points": 5, "effective_time": when(2026, 1, 1)}, "earning_rule.effective_time"),
        ({"bonus_points": 5, "condition": "line.colour == 'red'"}, "earning_rule.condition"),
        ({"bonus_points": 5, "condition": "purchase.amount"}, "earning_rule.condition"),
    ]
    for fields, wrong in cases:
        with pytest.raises(InvalidRequestError) as refused:
            await make(shop, "wrong", **fields)
        assert [violation.field for violation in refused.value.violations] == [wrong]
    assert refused.value.violations[0].description == "1:1: must be of type bool, not int"
    with pytest.raises(RefusedError):
        await make(shop, "base", bonus_points=5)
    with pytest.raises(NotFoundError):
        await update(shop, "none", bonus_points=5)
    with pytest.raises(InvalidRequestError):
        await update(shop, "base", bonus_points=5)
    again = rule_pb2.CreateEarningRuleRequest(earning_rule=named(shop, "once", bonus_points=5), request_id="once")
    first = await shop.membership.membership.CreateEarningRule(again)
    replay = shop.membership.membership.CreateEarningRule(again)
    assert await replay == first
    assert await was_replayed(replay)


async def test_a_basket_that_does_not_add_up_changes_nothing(shop: Shop) -> None:
    await shop.enroll("ada")
    basket = basket_by_hand()
    with pytest.raises(InvalidRequestError) as total:
        await record(shop, with_basket(shop, "p1", basket, 143_00))
    assert [one.field for one in total.value.violations] == ["purchase.basket.tenders"]
    del basket.tenders[:]
    basket.lines[1].line_id, basket.lines[2].quantity, basket.channel = "a", 20_000, "x" * 65
    with pytest.raises(InvalidRequestError) as lines:
        await record(shop, with_basket(shop, "p1", basket, 143_00))
    fields = [one.field for one in lines.value.violations]
    assert fields[:-1] == [
        "purchase.basket.lines",
        "purchase.basket.lines[2].quantity",
        "purchase.basket.channel",
    ]
    assert fields[-1] == "purchase.basket.lines", "they do not come to the amount"
    assert (await shop.totals()).purchase_count == 0
    purchase = with_basket(shop, "p1", basket_by_hand(), 144_00)
    assert not (await record(shop, purchase)).already_recorded
    assert (await record(shop, purchase)).already_recorded
    purchase.basket.store = "north"
    with pytest.raises(RefusedError) as differs:
        await record(shop, purchase)
    assert differs.value.metadata["fields"] == "basket"
