"""Campaigns over the service: windows, budgets, held-out groups, what they did, and bundles."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.membership.v1 import basket_pb2, campaign_pb2, rule_pb2, segment_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership.campaigning import HALF, archive, change, held_out, report, run, told
from tests.contract.membership.people import merge
from tests.contract.membership.test_rules import back, make, now, record, update, with_basket
from tests.contract.membership.world import Shop, World, row, usd, when

Award = basket_pb2.Award


async def plain_shop(world: World, *member_ids: str) -> Shop:
    shop = await world.shop(welcome_points=0, tiers=[])
    for member_id in member_ids:
        await shop.enroll(member_id)
    return shop


def later(seconds: int) -> Timestamp:
    return Timestamp(seconds=int(time.time()) + seconds)


async def test_the_rules_of_a_campaign_apply_within_its_window_alone(world: World) -> None:
    shop = await plain_shop(world, "ada")
    began = int(time.time())

    def at(after: int) -> Timestamp:
        return Timestamp(seconds=began + after)

    made = await run(shop, "spring", start_time=at(60), end_time=at(120))
    assert (made.state, made.spent_points) == (campaign_pb2.Campaign.STATE_SCHEDULED, 0)
    rule = await make(shop, "gift", bonus_points=5, campaign=made.name)
    assert rule.campaign == made.name
    points = [
        (await shop.buy(f"p{after}", "ada", 1_00, at(after))).purchase.rating.rule_points
        for after in (30, 60, 119, 120, 150)
    ]
    assert points == [0, 5, 5, 0, 0]
    inside = (await shop.buy("in", "ada", 1_00, at(90))).purchase
    outside = (await shop.buy("out", "ada", 1_00, at(180))).purchase
    assert (told(inside, "gift").campaign, told(inside, "gift").verdict) == (made.name, Award.VERDICT_APPLIED)
    assert [award.rule.rpartition("/")[2] for award in outside.rating.awards] == ["base"], (
        "no rule in force but the base"
    )
    longer = await change(shop, "spring", end_time=at(200), display_name="Spring is here")
    assert longer.display_name == "Spring is here"
    assert (await shop.buy("longer", "ada", 1_00, at(180))).purchase.rating.rule_points == 5
    ended = await archive(shop, "spring")
    assert ended.state == campaign_pb2.Campaign.STATE_ARCHIVED
    assert (await shop.buy("over", "ada", 1_00, at(90))).purchase.rating.rule_points == 0
    with pytest.raises(RefusedError) as archived:
        await change(shop, "spring", end_time=at(300))
    assert archived.value.reason == "CAMPAIGN_ARCHIVED"
    with pytest.raises(InvalidRequestError):
        await make(shop, "late", bonus_points=5, campaign=made.name)
    listing = campaign_pb2.ListCampaignsRequest(parent=shop.program)
    assert not (await shop.membership.membership.ListCampaigns(listing)).campaigns
    listing.show_archived = True
    assert [one.name for one in (await shop.membership.membership.ListCampaigns(listing)).campaigns] == [made.name]
    assert (await back(shop, "r1", "in", whole_order=True)).points == 1 + 5, "what was awarded is taken back as awarded"


async def test_a_budget_gives_what_it_has_and_says_when_it_does_not_cover_more(world: World) -> None:
    shop = await plain_shop(world, "ada", "ben")
    made = await run(shop, "hundred", budget_points=103)
    await make(shop, "gift", bonus_points=10, campaign=made.name, condition="purchase.amount >= 100")
    [imported] = await shop.import_([shop.chunk(1, [row(f"i{n}", f"m{n % 3}", 1_00, now()) for n in range(8)])])
    assert imported.rule_points == 80
    answers = await asyncio.gather(*(shop.buy(f"p{n}", "ada" if n % 2 else "ben", 1_00, now()) for n in range(6)))
    verdicts = [told(one.purchase, "gift").verdict for one in answers]
    assert sorted(verdicts) == [Award.VERDICT_APPLIED] * 2 + [Award.VERDICT_BUDGET_SPENT] * 4
    spent = next(one.purchase for one in answers if told(one.purchase, "gift").verdict != Award.VERDICT_APPLIED)
    assert told(spent, "gift").explanation == "the budget of its campaign does not cover it: 0 points"
    simulated = pb.SimulatePurchaseRequest(purchase=shop.purchase("sim", "ada", 1_00, now()))
    award = told((await shop.membership.membership.SimulatePurchase(simulated)).purchase, "gift")
    assert award.verdict == Award.VERDICT_BUDGET_SPENT
    small = await shop.buy("small", "ada", 99, now())
    assert told(small.purchase, "gift").verdict == Award.VERDICT_CONDITION

    done = await report(shop, "hundred")
    assert (done.campaign.spent_points, done.reached.awarded_points) == (100, 100)
    assert (done.reached.awarded_purchase_count, done.reached.purchase_count) == (10, 15)
    await back(shop, "r1", "p0", whole_order=True)
    assert (await report(shop, "hundred")).campaign.spent_points == 100, "returns do not give back"
    with pytest.raises(InvalidRequestError):
        await change(shop, "hundred", budget_points=99)
    assert (await change(shop, "hundred", budget_points=110)).spent_points == 100
    assert (await shop.buy("one-more", "ada", 1_00, now())).purchase.rating.rule_points == 10
    assert (await shop.buy("none", "ada", 1_00, now())).purchase.rating.rule_points == 0


async def test_an_import_gives_what_a_budget_covers_of_a_chunk(world: World) -> None:
    shop = await plain_shop(world)
    made = await run(shop, "few", budget_points=33)
    await make(shop, "gift", bonus_points=10, campaign=made.name)
    chunks = [shop.chunk(1, [row(f"i{n}", f"m{n}", 1_00, now()) for n in range(8)])]
    [imported] = await shop.import_(chunks)
    assert (imported.base_points, imported.rule_points) == (8, 30)
    assert (await report(shop, "few")).campaign.spent_points == 30


async def test_who_is_held_out_gets_nothing_and_is_told_of_apart(world: World) -> None:
    shop = await plain_shop(world)
    made = await run(shop, "effect", holdout_share=HALF)
    await make(shop, "double", multiplier=Rational(numerator=2, denominator=1), campaign=made.name)
    people = [f"m{n}" for n in range(12)]
    out = [one for one in people if held_out(made, one)]
    assert 0 < len(out) < len(people)
    rows = [row(f"{who}-{n}", who, 10_00, now()) for who in people for n in range(2)]
    await shop.import_([shop.chunk(1, rows)])
    balances = [(await shop.balance(who)).posted for who in people]
    assert balances == [20 if who in out else 40 for who in people]
    purchase = (await shop.buy("again", out[0], 5_00, now())).purchase
    assert told(purchase, "double").verdict == Award.VERDICT_HELD_OUT
    await back(shop, "r1", "again", amount=usd(2_00))
    done = await report(shop, "effect")
    reached, control = done.reached, done.held_out
    assert (reached.member_count, reached.purchase_count) == (12 - len(out), 2 * (12 - len(out)))
    assert (reached.awarded_points, reached.awarded_purchase_count) == (20 * (12 - len(out)), reached.purchase_count)
    assert (control.member_count, control.purchase_count) == (len(out), 2 * len(out) + 1)
    assert (control.amount, control.returned_amount) == (usd(20_00 * len(out) + 5_00), usd(2_00))
    assert (control.awarded_points, control.awarded_purchase_count) == (0, 0)


async def test_what_is_wrong_with_a_campaign_is_said_by_field(world: World) -> None:
    shop = await plain_shop(world)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"start_time": when(2026, 1, 1)}, "campaign.start_time"),
        ({"start_time": later(60), "end_time": later(50)}, "campaign.end_time"),
        ({"budget_points": -1}, "campaign.budget_points"),
        ({"holdout_share": Rational(numerator=1, denominator=1)}, "campaign.holdout_share"),
        ({"holdout_share": Rational(numerator=1)}, "campaign.holdout_share.denominator"),
        ({"display_name": "x" * 101}, "campaign.display_name"),
    ]
    for fields, wrong in cases:
        with pytest.raises(InvalidRequestError) as refused:
            await run(shop, "wrong", **fields)
        assert [violation.field for violation in refused.value.violations] == [wrong]
    await run(shop, "begun", end_time=later(600))
    changes: list[tuple[dict[str, Any], str]] = [
        ({"start_time": later(60)}, "campaign.start_time"),
        ({"end_time": when(2026, 1, 1)}, "campaign.end_time"),
        ({"budget_points": 5}, "campaign.budget_points"),
        ({"holdout_share": HALF}, "update_mask"),
    ]
    for fields, wrong in changes:
        with pytest.raises(InvalidRequestError) as refused:
            await change(shop, "begun", **fields)
        assert wrong in [violation.field for violation in refused.value.violations]
    with pytest.raises(RefusedError):
        await run(shop, "begun")
    with pytest.raises(NotFoundError):
        await report(shop, "none")
    one = campaign_pb2.Campaign(name=f"{shop.program}/campaigns/once")
    again = campaign_pb2.CreateCampaignRequest(campaign=one, request_id=new_request_id())
    first = await shop.membership.membership.CreateCampaign(again)
    replay = shop.membership.membership.CreateCampaign(again)
    assert await replay == first
    assert await was_replayed(replay)
    rule_cases: list[tuple[dict[str, Any], str]] = [
        ({"campaign": f"{shop.program}/campaigns/none"}, "earning_rule.campaign"),
        ({"campaign": "programs/other/campaigns/begun"}, "earning_rule.campaign"),
        ({"bundle": [rule_pb2.BundleItem(quantity=2)]}, "earning_rule.bundle"),
    ]
    for fields, wrong in rule_cases:
        with pytest.raises(InvalidRequestError) as refused:
            await make(shop, "wrong", bonus_points=5, **fields)
        assert [violation.field for violation in refused.value.violations] == [wrong]
    await make(shop, "free", bonus_points=5)
    with pytest.raises(InvalidRequestError):
        await update(shop, "free", bonus_points=5, campaign=first.campaign.name)


async def test_a_bundle_is_given_for_where_it_is_complete_and_taken_back_when_it_is_not(world: World) -> None:
    shop = await plain_shop(world, "ada")
    bundle = [rule_pb2.BundleItem(sku="suit"), rule_pb2.BundleItem(category="ties", quantity=2)]
    made = await make(shop, "set", bonus_points=500, bundle=bundle)
    assert [(one.sku, one.category, one.quantity) for one in made.bundle] == [("suit", "", 1), ("", "ties", 2)]
    lines = [
        basket_pb2.BasketLine(line_id="a", sku="suit", category="suits", quantity=1, unit_price=80_00),
        basket_pb2.BasketLine(line_id="b", sku="red", category="ties", quantity=1, unit_price=10_00),
        basket_pb2.BasketLine(line_id="c", sku="blue", category="ties", quantity=2, unit_price=10_00),
    ]
    less = await record(shop, with_basket(shop, "p1", basket_pb2.Basket(lines=lines[:2]), 90_00))
    assert told(less.purchase, "set").verdict == Award.VERDICT_BUNDLE_INCOMPLETE
    full = await record(shop, with_basket(shop, "p2", basket_pb2.Basket(lines=lines), 110_00))
    assert told(full.purchase, "set").points == 500
    one_tie = [basket_pb2.ReturnedLine(line_id="b", quantity=1)]
    assert (await back(shop, "r1", "p2", lines=one_tie)).points == 10, "two ties are kept"
    another = [basket_pb2.ReturnedLine(line_id="c", quantity=1)]
    assert (await back(shop, "r2", "p2", lines=another)).points == 510


async def count_rule(shop: Shop, rule_id: str, number: int, *, pieces: bool = False, **fields: Any) -> None:
    counted = rule_pb2.Count.COUNTED_PIECES if pieces else rule_pb2.Count.COUNTED_PURCHASES
    await make(shop, rule_id, count=rule_pb2.Count(counted=counted, number=number, repeats=True), **fields)


async def test_every_third_purchase_counts_however_many_tills_ask_and_follows_returns(world: World) -> None:
    shop = await plain_shop(world, "ada")
    await count_rule(shop, "third", 3, bonus_points=100, minimum_spend=5_00)
    answers = await asyncio.gather(*(shop.buy(f"p{n}", "ada", 10_00, now()) for n in range(7)))
    awards = sorted((told(one.purchase, "third") for one in answers), key=lambda award: award.count)
    assert [(one.count, one.points) for one in awards] == [(1, 0), (2, 0), (3, 100), (4, 0), (5, 0), (6, 100), (7, 0)]
    assert {one.verdict for one in awards} == {Award.VERDICT_APPLIED, Award.VERDICT_COUNTED}
    assert sum(one.purchase.rating.count_points for one in answers) == 200
    assert (await shop.balance("ada")).posted == 70 + 200
    small = (await shop.buy("small", "ada", 4_00, now())).purchase
    assert told(small, "third").verdict == Award.VERDICT_BELOW_MINIMUM
    await back(shop, "r1", "p1", whole_order=True)
    assert (await shop.balance("ada")).posted == 74 - 10 + 200, "six are left"
    await back(shop, "r2", "p2", amount=usd(5_01))
    assert (await shop.balance("ada")).posted == 64 - 6 + 100, "what is kept of it does not qualify: five are left"
    simulated = pb.SimulatePurchaseRequest(purchase=shop.purchase("sim", "ada", 10_00, now()))
    assert (await shop.membership.membership.SimulatePurchase(simulated)).purchase.rating.count_points == 100
    again = (await shop.buy("p8", "ada", 10_00, now())).purchase
    assert (told(again, "third").count, again.rating.count_points) == (6, 100)
    assert (await shop.balance("ada")).posted == 58 + 10 + 200
    [imported] = await shop.import_([shop.chunk(1, [row(f"b{n}", "ben", 10_00, now()) for n in range(7)])])
    assert (imported.base_points, (await shop.balance("ben")).posted) == (70, 70 + 200)


async def test_a_punch_card_gives_the_piece_that_completes_it(world: World) -> None:
    """Buy nine, the tenth free: at 100 points per dollar, the tenth coffee's price, whatever the others cost."""
    shop = await plain_shop(world, "ada")
    cents = Rational(numerator=1, denominator=1)
    coffee = {"condition": "line.category == 'coffee'", "piece_points_per_minor_unit": cents}
    await count_rule(shop, "card", 10, pieces=True, **coffee)
    lines = [
        basket_pb2.BasketLine(line_id="a", category="coffee", quantity=6, unit_price=3_00),
        basket_pb2.BasketLine(line_id="b", category="cake", quantity=9, unit_price=1_00),
        basket_pb2.BasketLine(line_id="c", category="coffee", quantity=3, unit_price=4_50),
    ]
    nine = await record(shop, with_basket(shop, "p1", basket_pb2.Basket(lines=lines), 40_50))
    assert (told(nine.purchase, "card").count, nine.purchase.rating.count_points) == (9, 0)
    more = basket_pb2.BasketLine(line_id="a", category="coffee", quantity=11, unit_price=3_50, discount=11_00)
    twenty = await record(shop, with_basket(shop, "p2", basket_pb2.Basket(lines=[more]), 27_50))
    assert (told(twenty.purchase, "card").count, twenty.purchase.rating.count_points) == (20, 2 * 2_50)
    assert (await shop.balance("ada")).posted == 40 + 27 + 5_00
    read = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/p2")
    assert (await shop.membership.membership.GetPurchase(read)).purchase.rating == twenty.purchase.rating
    two = [basket_pb2.ReturnedLine(line_id="c", quantity=2)]
    await back(shop, "r1", "p1", lines=two)
    assert (await shop.balance("ada")).posted == 31 + 27 + 2_50, "eighteen are left: one card is full"


async def test_the_award_for_a_piece_keeps_its_worth_and_goes_with_the_piece(world: World) -> None:
    shop = await plain_shop(world, "ada")
    await count_rule(shop, "card", 10, pieces=True, piece_points_per_minor_unit=Rational(numerator=1, denominator=1))

    async def buy(purchase_id: str, quantity: int, price: int) -> int:
        line = basket_pb2.BasketLine(line_id="a", quantity=quantity, unit_price=price)
        bought = with_basket(shop, purchase_id, basket_pb2.Basket(lines=[line]), quantity * price)
        return (await record(shop, bought)).purchase.rating.count_points

    assert [await buy("many", 249, 10), await buy("dear", 1, 500_00)] == [20 * 10, 4 * 10 + 500_00]
    assert await buy("cheap", 10, 10) == 10
    await back(shop, "r1", "dear", whole_order=True)
    assert (await shop.balance("ada")).posted == 24 + 1 + 25 * 10
    await buy("more", 201, 10)
    assert await buy("another", 1, 500_00) == 10, "the twenty-first award of the purchase before"


async def test_awards_for_counts_keep_within_the_budget_and_come_with_the_next_where_there_is_more(
    world: World,
) -> None:
    shop = await plain_shop(world, "ada")
    made = await run(shop, "visits", budget_points=150)
    await count_rule(shop, "second", 2, bonus_points=100, campaign=made.name)
    answers = [(await shop.buy(f"p{n}", "ada", 1_00, now())).purchase for n in range(4)]
    assert [told(one, "second").verdict for one in answers] == [
        Award.VERDICT_COUNTED,
        Award.VERDICT_APPLIED,
        Award.VERDICT_COUNTED,
        Award.VERDICT_BUDGET_SPENT,
    ]
    done = await report(shop, "visits")
    assert (done.campaign.spent_points, done.reached.awarded_points, done.reached.purchase_count) == (100, 100, 4)
    await change(shop, "visits", budget_points=250)
    assert (await shop.buy("p4", "ada", 1_00, now())).purchase.rating.count_points == 100
    assert (await report(shop, "visits")).campaign.spent_points == 200


async def test_members_who_are_merged_have_their_counts_added_up_and_awards_follow(world: World) -> None:
    shop = await plain_shop(world, "old", "new")
    await count_rule(shop, "third", 3, bonus_points=100)
    for number in range(4):
        await shop.buy(f"p{number}", ("old", "new")[number % 2], 10_00, now())
    await merge(shop, "old", "new")
    next_one = (await shop.buy("p4", "old", 10_00, now())).purchase
    assert (told(next_one, "third").count, next_one.rating.count_points) == (5, 100)
    for number in range(3):
        await back(shop, f"r{number}", f"p{number}", whole_order=True)
    await settled(shop, "new", 20)


async def settled(shop: Shop, member_id: str, posted: int) -> None:
    """Waits until a member has so much: what was a merged one's is taken back on its way."""
    deadline = time.monotonic() + 30
    while (balance := (await shop.balance(member_id)).posted) != posted:
        assert time.monotonic() < deadline, balance
        await asyncio.sleep(0.1)


async def test_an_award_of_a_merged_account_is_taken_back_from_the_survivor_at_once(world: World) -> None:
    shop = await plain_shop(world, "old", "new")
    await count_rule(shop, "pair", 2, bonus_points=10)
    for purchase_id, who in [("n1", "new"), ("n2", "new"), ("n3", "new"), ("o1", "old"), ("o2", "old")]:
        await shop.buy(purchase_id, who, 1_00, now())
    await merge(shop, "old", "new")
    await settled(shop, "new", 5 + 20)
    for purchase_id in ("n1", "n3"):  # the latest award falls, which is the old one's
        await back(shop, f"r-{purchase_id}", purchase_id, whole_order=True)
    await settled(shop, "new", 3 + 10)


async def test_an_award_once_for_a_person_is_taken_back_where_both_who_are_merged_have_it(world: World) -> None:
    shop = await plain_shop(world, "old", "new")
    count = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2)
    await make(shop, "second", count=count, bonus_points=100)
    for number in range(4):
        await shop.buy(f"p{number}", ("old", "new")[number % 2], 1_00, now())
    await merge(shop, "old", "new")
    await settled(shop, "new", 4 + 100)
    for number in range(2):
        await back(shop, f"r{number}", f"p{number}", whole_order=True)
    await settled(shop, "new", 2 + 100)


async def test_first_purchases_members_won_back_and_segments_are_known_to_conditions(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], purchase_statistics=True)
    await shop.enroll("ada")
    big = segment_pb2.Segment(name=f"{shop.program}/segments/big", condition="purchases.spend >= 5000")
    await shop.membership.membership.CreateSegment(
        segment_pb2.CreateSegmentRequest(segment=big, request_id=new_request_id())
    )
    long_ago = Timestamp(seconds=int(time.time()) - 100 * 86_400)
    await shop.import_([shop.chunk(1, [row("old", "ben", 60_00, long_ago)])])
    await make(shop, "first", bonus_points=100, condition="purchases.count == 0")
    await make(shop, "won-back", bonus_points=50, condition="purchases.days_since_last >= 90")
    await make(shop, "segment", bonus_points=7, condition="'big' in member.segments")
    asked = pb.SimulatePurchaseRequest(purchase=shop.purchase("p1", "ada", 10_00, now()))
    assert (await shop.membership.membership.SimulatePurchase(asked)).purchase.rating.rule_points == 100
    given = [
        (await shop.buy(purchase_id, who, 10_00, now())).purchase.rating.rule_points
        for purchase_id, who in [("p1", "ada"), ("p2", "ada"), ("p3", "ben"), ("p4", "ben")]
    ]
    assert given == [100, 0, 50 + 7, 7]
    [imported] = await shop.import_([shop.chunk(1, [row(f"i{n}", "eve", 10_00, now()) for n in range(3)])])
    assert imported.rule_points == 100, "each purchase of a chunk is known to the next"
    plain = await plain_shop(world)
    with pytest.raises(InvalidRequestError) as refused:
        await make(plain, "first", bonus_points=100, condition="purchases.count == 0")
    assert [violation.field for violation in refused.value.violations] == ["earning_rule.condition"]
