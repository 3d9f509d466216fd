"""When points can be spent and when they expire, over the service: as the program and its rules say, and what returns
take of points with several times.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from guerdon import InvalidRequestError, new_request_id
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon.membership.v1 import program_pb2, purchase_pb2, rule_pb2, times_pb2
from guerdon.type.v1.rational_pb2 import Rational
from tests.contract.membership.test_rules import make
from tests.contract.membership.world import Shop, World, row

YEAR, MONTH = times_pb2.ExpiryPolicy(months=12), times_pb2.ExpiryPolicy(months=1)
TWO_DAYS, AT_ONCE = times_pb2.Availability(after_days=2), times_pb2.Availability()
AFTER_WINDOW = times_pb2.Availability(after_return_window=True)


def days_ago(days: int) -> Timestamp:
    return Timestamp(seconds=int((datetime.now(UTC) - timedelta(days=days)).timestamp()))


def ahead() -> Timestamp:
    """After the rules that a test has made."""
    return Timestamp(seconds=int(datetime.now(UTC).timestamp()) + 60)


async def buy(shop: Shop, purchase_id: str, cents: int, at: Timestamp) -> purchase_pb2.Purchase:
    """Records a purchase, after it was simulated, which answers the same."""
    purchase = shop.purchase(purchase_id, "ada", cents, at)
    simulated = await shop.membership.membership.SimulatePurchase(pb.SimulatePurchaseRequest(purchase=purchase))
    request = pb.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id())
    recorded = (await shop.membership.membership.RecordPurchase(request)).purchase
    assert simulated.purchase.rating == recorded.rating
    return recorded


async def has(shop: Shop) -> tuple[int, int]:
    """What ada can spend, and what is still pending."""
    balance = await shop.balance("ada")
    return balance.available, balance.pending


async def test_points_are_pending_until_the_return_window_is_over_and_returns_take_of_them(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], return_window_days=14, availability=AFTER_WINDOW)
    await shop.enroll("ada")
    bought = days_ago(3)
    recorded = await buy(shop, "p1", 100_00, bought)
    assert abs(recorded.rating.available_time.seconds - bought.seconds - 14 * 86_400) <= 3_600  # by the local clock
    assert not recorded.rating.tranches
    assert await has(shop) == (0, 100)
    await shop.bring_back("r1", "p1", 30_00)
    assert await has(shop) == (0, 70)
    await buy(shop, "p2", 50_00, days_ago(20))
    [imported] = await shop.import_([shop.chunk(1, [row("p3", "ada", 9_00, bought), row("p4", "bob", 8_00, bought)])])
    assert (imported.recorded_count, imported.pending_count) == (2, 0)
    assert await has(shop) == (50, 79)
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=recorded.name))
    assert read.purchase.rating == recorded.rating


async def test_rules_with_times_of_their_own_make_tranches_of_which_returns_take_what_they_gave(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], expiry_policy=YEAR)
    await shop.enroll("ada")
    rules: dict[str, dict[str, Any]] = {
        "twice": {"multiplier": Rational(numerator=2, denominator=1), "availability": TWO_DAYS},
        "weeks": {"bonus_points": 40, "minimum_spend": 50_00, "expiry_policy": MONTH},
        "same": {"bonus_points": 3, "availability": AT_ONCE, "expiry_policy": YEAR},
    }
    for rule_id, fields in rules.items():
        made = await make(shop, rule_id, **fields)
        assert made.HasField("availability") == ("availability" in fields)
    recorded = await buy(shop, "p1", 100_00, ahead())
    rating = recorded.rating
    own, weeks, twice = rating.tranches
    assert [one.points for one in rating.tranches] == [103, 40, 100]
    assert (rating.expire_time, rating.HasField("available_time")) == (own.expire_time, False)
    assert (weeks.expire_time.seconds < own.expire_time.seconds, weeks.HasField("available_time")) == (True, False)
    assert (twice.expire_time, twice.available_time.seconds > recorded.event_time.seconds) == (own.expire_time, True)
    assert await has(shop) == (143, 100)
    first = await shop.bring_back("r1", "p1", 40_00)
    assert first.goods_return.points == 80
    assert await has(shop) == (103, 60)
    second = await shop.bring_back("r2", "p1", 20_00)
    assert second.goods_return.points == 20 + 20 + 40, "the bonus needed $50"
    assert await has(shop) == (43, 40)
    await shop.bring_back("r3", "p1", 40_00)
    assert await has(shop) == (0, 0)


async def test_a_rule_alone_with_times_of_its_own_gives_one_credit_with_them(world: World) -> None:
    base = rule_pb2.EarningRule(
        points_per_minor_unit=Rational(numerator=1, denominator=100),
        rounding=rule_pb2.ROUNDING_DOWN,
        availability=TWO_DAYS,
        expiry_policy=times_pb2.ExpiryPolicy(months=2),
    )
    shop = await world.shop(welcome_points=0, tiers=[], earning_rule=base)
    await shop.enroll("ada")
    recorded = await buy(shop, "p1", 100_00, days_ago(1))
    [only] = recorded.rating.tranches
    assert (only.points, only.available_time) == (100, recorded.rating.available_time)
    assert await has(shop) == (0, 100)
    read = await shop.membership.membership.GetEarningRule(
        rule_pb2.GetEarningRuleRequest(name=f"{shop.program}/rules/base")
    )
    assert (read.earning_rule.availability, read.earning_rule.expiry_policy.months) == (TWO_DAYS, 2)
    assert recorded.state == purchase_pb2.Purchase.STATE_POSTED


async def test_times_that_cannot_be_kept_are_refused(world: World) -> None:
    shop, month, late = await world.shop(), await world.shop(expiry_policy=MONTH), await world.shop(late_days=3)
    count = rule_pb2.Count(counted=rule_pb2.Count.COUNTED_PURCHASES, number=2)
    refused: list[tuple[Shop, dict[str, Any], str]] = [
        (shop, {"availability": times_pb2.Availability(after_days=367)}, "availability.after_days"),
        (shop, {"availability": AFTER_WINDOW}, "availability.after_return_window"),
        (shop, {"expiry_policy": times_pb2.ExpiryPolicy(months=0)}, "expiry_policy.months"),
        (shop, {"availability": AT_ONCE, "count": count}, "count"),
        (month, {"availability": times_pb2.Availability(after_days=28)}, "availability.after_days"),
        (late, {"availability": TWO_DAYS}, "availability"),
        (late, {"expiry_policy": YEAR}, "expiry_policy"),
    ]
    for of, fields, field in refused:
        with pytest.raises(InvalidRequestError) as why:
            await make(of, "r", bonus_points=5, **fields)
        assert [one.field for one in why.value.violations] == [f"earning_rule.{field}"]
    with pytest.raises(InvalidRequestError) as why:
        await world.shop(availability=AFTER_WINDOW, return_window_days=367)
    assert [one.field for one in why.value.violations] == ["program.return_window_days"]


async def test_what_late_events_give_can_be_spent_when_its_purchase_says(world: World) -> None:
    shop = await world.shop(welcome_points=0, tiers=[], late_days=30, availability=times_pb2.Availability(after_days=9))
    await shop.enroll("ada")
    await make(shop, "loyal", bonus_points=5, condition="member.year_points >= 100")
    start = ahead().seconds
    for purchase_id, cents in (("small", 99), ("p2", 10_00)):
        await buy(shop, purchase_id, cents, Timestamp(seconds=start + 60))
    assert await has(shop) == (0, 10)
    await buy(shop, "late", 100_00, Timestamp(seconds=start))
    assert await has(shop) == (0, 10 + 100 + 5 + 5)
    for purchase_id in ("small", "p2"):
        request = pb.GetPurchaseRequest(name=f"{shop.program}/purchases/{purchase_id}")
        read = (await shop.membership.membership.GetPurchase(request)).purchase
        assert read.rating.available_time.seconds > read.event_time.seconds


async def test_a_tranche_lives_on_when_the_programs_points_have_expired_before_they_were_told_of(world: World) -> None:
    base = rule_pb2.EarningRule(
        points_per_minor_unit=Rational(numerator=1, denominator=100),
        rounding=rule_pb2.ROUNDING_DOWN,
        expiry_policy=YEAR,
    )
    tier = program_pb2.Tier(tier_id="silver", threshold=100, multiplier=Rational(numerator=2, denominator=1))
    shop = await world.shop(welcome_points=0, tiers=[tier], earning_rule=base, expiry_policy=MONTH)
    await shop.enroll("ada")
    await buy(shop, "p1", 100_00, days_ago(41))
    recorded = await buy(shop, "p2", 10_00, days_ago(40))
    assert [one.points for one in recorded.rating.tranches] == [10, 10]
    assert recorded.state == purchase_pb2.Purchase.STATE_LAPSED, "of the first of them"
    assert await has(shop) == (110, 0)
    half = (await shop.bring_back("r1", "p2", 5_00)).goods_return
    assert half.points == 10
    whole = (await shop.bring_back("r2", "p2", 5_00)).goods_return
    assert whole.points == 10
    assert (half.reversed_points, whole.reversed_points, await has(shop)) == (5, 5, (100, 0))
