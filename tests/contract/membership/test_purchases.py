"""Purchases and returns: awarded once, by frozen terms, in the ledger to the point."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import books_pb2
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import purchase_pb2, rule_pb2, times_pb2
from guerdon.type.v1 import rational_pb2
from tests.contract.membership.world import Shop, World, usd, when


async def test_a_purchase_earns_and_says_why(shop: Shop) -> None:
    await shop.enroll("ada")
    first = (await shop.buy("p1", "ada", 120_99)).purchase
    assert first.state == purchase_pb2.Purchase.STATE_POSTED
    assert (first.rating.base_points, first.rating.tier_points, first.rating.tier_id) == (120, 0, "")
    second = (await shop.buy("p2", "ada", 11_77)).purchase
    assert (second.rating.base_points, second.rating.tier_points, second.rating.tier_id) == (11, 3, "silver")
    assert second.rating.explanation == (
        "1177 of 1177 minor units x 1/100 = 1177/100, rounded down: 11 points; "
        "x 5/4 = 1177/80, rounded down: 14 points, 3 of them by the tier"
    )
    assert await shop.statement("ada") == [(50, "Welcome"), (120, "Purchase p1"), (14, "Purchase p2")]
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=second.name))
    assert read.purchase == second


async def test_a_coffee_shop_earns_99_then_100(world: World) -> None:
    """Source: coffee shop, 1 point per whole $1: $99.99, then $1; a free coffee at 100 leaves 0."""
    shop = await world.shop(welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 99_99)
    assert (await shop.balance("ada")).available == 99
    await shop.buy("p2", "ada", 1_00)
    assert (await shop.balance("ada")).available == 100
    await shop.spend("ada", 100)
    assert (await shop.balance("ada")).available == 0
    with pytest.raises(RefusedError) as refused:
        await shop.spend("ada", 100)
    assert refused.value.reason == "INSUFFICIENT_POINTS"


async def test_a_purchase_below_a_point_is_kept_and_posts_nothing(shop: Shop) -> None:
    await shop.enroll("ada")
    for purchase_id, cents in (("zero", 0), ("small", 99)):
        purchase = (await shop.buy(purchase_id, "ada", cents)).purchase
        assert purchase.state == purchase_pb2.Purchase.STATE_POSTED
        assert purchase.rating.base_points == 0
    assert await shop.statement("ada") == [(50, "Welcome")]
    assert (await shop.totals()).purchase_count == 2


async def test_the_same_request_twice_at_once_and_in_a_row_posts_once(shop: Shop) -> None:
    await shop.enroll("ada")
    answers = await asyncio.gather(*(shop.buy("p1", "ada", 10_00, request_id="till-1") for _ in range(4)))
    assert all(answer.purchase.rating.base_points == 10 and not answer.already_recorded for answer in answers)
    again = shop.membership.membership.RecordPurchase(
        pb.RecordPurchaseRequest(purchase=shop.purchase("p1", "ada", 10_00), request_id="till-1")
    )
    assert await again == answers[0]
    assert await was_replayed(again)
    assert await shop.statement("ada") == [(50, "Welcome"), (10, "Purchase p1")]
    with pytest.raises(InvalidRequestError) as reused:
        await shop.buy("p1", "ada", 11_00, request_id="till-1")
    assert (reused.value.reason, reused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "purchase")


async def test_a_purchase_id_counts_once_whoever_sends_it(shop: Shop) -> None:
    await shop.enroll("ada")
    answers = await asyncio.gather(*(shop.buy("p1", "ada", 10_00) for _ in range(6)))
    assert sorted(answer.already_recorded for answer in answers) == [False] + [True] * 5
    assert await shop.statement("ada") == [(50, "Welcome"), (10, "Purchase p1")]
    with pytest.raises(RefusedError) as differs:
        await shop.buy("p1", "ada", 11_00)
    assert (differs.value.reason, differs.value.metadata["fields"]) == ("PURCHASE_DIFFERS", "amount")


async def test_identical_purchases_under_two_ids_are_two(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 10_00)
    await shop.buy("p2", "ada", 10_00)
    assert (await shop.balance("ada")).available == 70


async def test_an_unknown_member_is_not_found(shop: Shop) -> None:
    with pytest.raises(NotFoundError) as unknown:
        await shop.buy("p1", "nobody", 10_00)
    assert unknown.value.metadata == {"resource": f"{shop.program}/members/nobody"}


async def test_bounds_are_answered_by_field(shop: Shop) -> None:
    await shop.enroll("ada")
    bad = shop.purchase("p1", "ada", -1, when(2100, 1, 1))
    with pytest.raises(InvalidRequestError) as refused:
        await shop.membership.membership.RecordPurchase(pb.RecordPurchaseRequest(purchase=bad, request_id="a"))
    fields = [violation.field for violation in refused.value.violations]
    assert fields == ["purchase.event_time", "purchase.amount.minor_units"]
    euros = shop.purchase("p1", "ada", 100)
    euros.amount.currency_code = "EUR"
    with pytest.raises(InvalidRequestError) as currency:
        await shop.membership.membership.RecordPurchase(pb.RecordPurchaseRequest(purchase=euros, request_id="b"))
    assert currency.value.reason == "CURRENCY_DIFFERS"
    foreign = shop.purchase("p1", "ada", 100)
    foreign.member = "programs/another/members/ada"
    with pytest.raises(InvalidRequestError):
        await shop.membership.membership.RecordPurchase(pb.RecordPurchaseRequest(purchase=foreign, request_id="c"))


async def test_an_expiry_policy_is_told_to_the_ledger(world: World) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=36))
    await shop.enroll("ada")
    purchase = (await shop.buy("p1", "ada", 10_00, when(2026, 1, 31, 17))).purchase
    assert purchase.rating.expire_time == when(2029, 1, 31, 17)
    standing = await shop.progress("ada")
    assert (standing.next_expiring_points, standing.next_expire_time) == (10, purchase.rating.expire_time)


async def test_points_that_expired_before_they_arrived_are_recorded_as_lapsed(world: World) -> None:
    shop = await world.shop(welcome_points=0, expiry_policy=times_pb2.ExpiryPolicy(months=12))
    await shop.enroll("ada")
    purchase = (await shop.buy("p1", "ada", 150_00, when(1997, 5, 1))).purchase
    assert purchase.state == purchase_pb2.Purchase.STATE_LAPSED
    assert (await shop.balance("ada")).posted == 0
    assert (await shop.progress("ada", when(1997, 6, 1))).progress.tier_id == "silver"
    returned = (await shop.bring_back("r1", "p1", 150_00)).goods_return
    assert (returned.points, returned.reversed_points, returned.state) == (150, 0, purchase_pb2.Return.STATE_POSTED)


async def test_a_purchase_from_before_the_books_were_closed_counts_once_they_are_open(shop: Shop) -> None:
    await shop.enroll("ada")
    midnight = when(2026, 11, 1)
    await shop.books.ledger.CloseBooks(
        books_pb2.CloseBooksRequest(
            parent=shop.program, close_time=midnight, reason="October", request_id=new_request_id()
        )
    )
    purchase = (await shop.buy("p1", "ada", 10_00, event_time=when(2026, 10, 31, 23))).purchase
    assert purchase.state == purchase_pb2.Purchase.STATE_POSTED
    statement = ledger.ListEntriesRequest(parent=f"{shop.program}/accounts/m-ada", page_size=1)
    [entry] = (await shop.books.ledger.ListEntries(statement)).entries
    assert (entry.amount, entry.effective_time) == (10, midnight)


async def test_a_return_takes_what_the_purchase_would_not_have_earned(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 60_00)
    returned = (await shop.bring_back("r1", "p1", 20_50)).goods_return
    assert (returned.points, returned.reversed_points, returned.cumulative_points) == (21, 21, 21)
    assert returned.explanation == "the purchase earned 60, what is kept of it 39: 21 points in all"
    assert (await shop.balance("ada")).posted == 50 + 39
    purchase = (await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=returned.purchase))).purchase
    assert (purchase.returned_amount, purchase.returned_points) == (usd(20_50), 21)
    assert purchase.rating.base_points == 60


async def test_four_refunds_of_5_take_as_much_as_one_of_20(world: World) -> None:
    """Source: ours, on the purchase of Square forum 22747: $21.90 earned 2 at 1 point per $10."""
    rule = rule_pb2.EarningRule(
        points_per_minor_unit=rational_pb2.Rational(numerator=1, denominator=1000), rounding=rule_pb2.ROUNDING_DOWN
    )
    shop = await world.shop(earning_rule=rule, welcome_points=0, tiers=[])
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 21_90)
    await shop.buy("p2", "ada", 21_90)
    taken = [(await shop.bring_back(f"r{n}", "p1", 5_00)).goods_return.points for n in range(4)]
    assert taken == [1, 0, 1, 0]
    assert (await shop.bring_back("whole", "p2", 20_00)).goods_return.points == 2
    assert (await shop.balance("ada")).posted == 0


async def test_a_return_takes_the_multiplier_frozen_with_the_purchase(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 100_00)
    await shop.buy("p2", "ada", 100_00)  # silver: 125
    await shop.buy("p3", "ada", 400_00)  # 500 more: gold now
    assert (await shop.progress("ada", when(2026, 2, 1))).progress.tier_id == "gold"
    returned = (await shop.bring_back("r1", "p2", 50_00)).goods_return
    assert returned.points == 125 - 62
    assert (await shop.progress("ada", when(2026, 2, 1))).progress.counted == 725 - 63


async def test_spent_points_are_taken_back_into_debt(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 60_00)
    await shop.spend("ada", 100)
    returned = (await shop.bring_back("r1", "p1", 60_00)).goods_return
    assert returned.reversed_points == 60
    balance = await shop.balance("ada")
    assert (balance.posted, balance.debt) == (-50, 50)


async def test_what_a_closed_account_would_get_lapses_and_nothing_is_taken_from_it(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 60_00)
    await shop.spend("ada", (await shop.balance("ada")).available)
    await shop.close_account("ada")
    late = (await shop.buy("p2", "ada", 10_00)).purchase
    assert late.state == purchase_pb2.Purchase.STATE_LAPSED
    returned = (await shop.bring_back("r1", "p1", 60_00)).goods_return
    assert (returned.points, returned.reversed_points, returned.state) == (60, 0, purchase_pb2.Return.STATE_POSTED)


async def test_a_return_counts_once_and_never_beyond_the_purchase(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 60_00)
    answers = await asyncio.gather(*(shop.bring_back("r1", "p1", 40_00) for _ in range(5)))
    assert sorted(answer.already_recorded for answer in answers) == [False] + [True] * 4
    assert (await shop.balance("ada")).posted == 50 + 20
    with pytest.raises(RefusedError) as exceeds:
        await shop.bring_back("r2", "p1", 20_01, "second")
    assert exceeds.value.reason == "RETURN_EXCEEDS_PURCHASE"
    assert exceeds.value.metadata == {"amount": "6000", "returned": "4000", "returnable": "2000", "asked": "2001"}
    with pytest.raises(RefusedError) as replayed:
        await shop.bring_back("r2", "p1", 20_01, "second")
    assert replayed.value.metadata == exceeds.value.metadata
    with pytest.raises(RefusedError) as differs:
        await shop.bring_back("r1", "p1", 10_00)
    assert (differs.value.reason, differs.value.metadata["fields"]) == ("RETURN_DIFFERS", "amount")
    again = shop.membership.membership.RecordReturn(
        pb.RecordReturnRequest(goods_return=shop.returned("r3", "p1", 20_00), request_id="third")
    )
    first = await again
    replay = shop.membership.membership.RecordReturn(
        pb.RecordReturnRequest(goods_return=shop.returned("r3", "p1", 20_00), request_id="third")
    )
    assert await replay == first
    assert await was_replayed(replay)
    assert (await shop.balance("ada")).posted == 50


async def test_returns_at_once_take_together_what_one_would(shop: Shop) -> None:
    await shop.enroll("ada")
    await shop.buy("p1", "ada", 60_90)
    returns = await asyncio.gather(*(shop.bring_back(f"r{n}", "p1", 1_45) for n in range(42)))
    assert sum(one.goods_return.points for one in returns) == 60
    assert (await shop.balance("ada")).posted == 50
