"""Purchases of guests, and members who claim them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.membership.v1 import basket_pb2, claim_pb2, purchase_pb2, rule_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from tests.contract.membership.world import Shop, World, usd, when

YESTERDAY = datetime.now(UTC).replace(hour=18, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
async def shop(world: World) -> Shop:
    made = await world.shop(claim_days=30)
    await asyncio.gather(made.enroll("ada"), made.enroll("ben"))
    return made


def record(shop: Shop, purchase_id: str, cents: int, at: datetime = YESTERDAY, request_id: str = "") -> Any:
    """A purchase without a member."""
    purchase = shop.purchase(purchase_id, "", cents, when(*at.timetuple()[:6]))
    purchase.member = ""
    return shop.membership.membership.RecordPurchase(
        pb.RecordPurchaseRequest(purchase=purchase, request_id=request_id or new_request_id())
    )


def claim(
    shop: Shop, purchase_id: str, member_id: str, cents: int, at: datetime = YESTERDAY, request_id: str = ""
) -> Any:
    """A member's claim."""
    day = at.astimezone(ZoneInfo("America/New_York")).date()
    return shop.membership.membership.ClaimPurchase(
        claim_pb2.ClaimPurchaseRequest(
            name=f"{shop.program}/purchases/{purchase_id}",
            member=f"{shop.program}/members/{member_id}",
            amount=usd(cents),
            date=Date(year=day.year, month=day.month, day=day.day),
            request_id=request_id or new_request_id(),
        )
    )


async def reason(call: Any) -> str:
    """Why a call is refused."""
    with pytest.raises(GuerdonError) as refused:
        await call
    return refused.value.reason


async def test_a_guests_purchase_earns_for_who_claims_it_as_of_its_own_time(shop: Shop) -> None:
    kept = await record(shop, "p1", 40_00)
    assert (kept.purchase.state, kept.purchase.member) == (purchase_pb2.Purchase.STATE_UNCLAIMED, "")
    assert not kept.purchase.HasField("rating")
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=kept.purchase.name))
    assert read.purchase == kept.purchase
    assert (await record(shop, "p1", 40_00)).already_recorded
    assert await reason(record(shop, "p1", 41_00)) == "PURCHASE_DIFFERS"
    asked = claim(shop, "p1", "ada", 40_00, request_id="claim-1")
    claimed = await asked
    assert not claimed.already_claimed
    assert claimed.purchase.state == purchase_pb2.Purchase.STATE_POSTED
    assert claimed.purchase.event_time == kept.purchase.event_time
    assert (await shop.balance("ada")).posted == 50 + 40
    assert (await shop.progress("ada", kept.purchase.event_time)).progress.counted == 40
    again = claim(shop, "p1", "ada", 40_00, request_id="claim-1")
    assert await again == claimed
    assert await was_replayed(again)
    assert (await claim(shop, "p1", "ada", 40_00)).already_claimed
    assert (await record(shop, "p1", 40_00)).already_recorded
    assert await reason(claim(shop, "p1", "ben", 40_00)) == "PURCHASE_CLAIMED"
    assert (await shop.bring_back("r1", "p1", 15_00)).goods_return.points == 15


async def test_a_basket_that_is_claimed_earns_what_it_would_have_earned_with_its_member(shop: Shop) -> None:
    rule = rule_pb2.EarningRule(
        name=f"{shop.program}/rules/coffee", bonus_points=25, condition="line.category == 'coffee'"
    )
    await shop.membership.membership.CreateEarningRule(
        rule_pb2.CreateEarningRuleRequest(earning_rule=rule, request_id=new_request_id())
    )
    lines = [
        basket_pb2.BasketLine(line_id="1", category="coffee", quantity=2, unit_price=4_00),
        basket_pb2.BasketLine(line_id="2", category="book", quantity=1, unit_price=12_00),
    ]
    paid = [basket_pb2.Tender(means=basket_pb2.Tender.MEANS_MONEY, minor_units=19_00)]
    basket = basket_pb2.Basket(lines=lines, order_discounts=[1_00], tenders=paid, store="5th")
    calls = shop.membership.membership
    now = Timestamp()
    now.GetCurrentTime()

    def bought(purchase_id: str, member: str, basket: basket_pb2.Basket) -> Any:
        purchase = shop.purchase(purchase_id, "", 19_00, now)
        purchase.member = f"{shop.program}/members/{member}" if member else ""
        purchase.basket.CopyFrom(basket)
        return calls.RecordPurchase(pb.RecordPurchaseRequest(purchase=purchase, request_id=new_request_id()))

    kept = (await bought("guests", "", basket)).purchase
    assert kept.basket == basket
    assert (await bought("guests", "", basket)).already_recorded
    less = basket_pb2.Basket(lines=lines[:1], shipping=11_00)
    assert await reason(bought("guests", "", less)) == "PURCHASE_DIFFERS"
    with pytest.raises(InvalidRequestError) as refused:
        await bought("wrong", "", basket_pb2.Basket(lines=lines))
    assert [one.field.partition(".")[0] for one in refused.value.violations] == ["purchase"]
    claimed = (await claim(shop, "guests", "ada", 19_00, now.ToDatetime(UTC))).purchase
    named = (await bought("bens", "ben", basket)).purchase
    assert (claimed.rating, claimed.basket) == (named.rating, named.basket)
    assert claimed.rating.rule_points == 25
    assert (await bought("guests", "", basket)).already_recorded
    assert await reason(bought("guests", "", less)) == "PURCHASE_DIFFERS"
    back = purchase_pb2.Return(
        name=f"{shop.program}/returns/r1",
        purchase=claimed.name,
        event_time=now,
        lines=[basket_pb2.ReturnedLine(line_id="1", quantity=2)],
    )
    taken = await calls.RecordReturn(pb.RecordReturnRequest(goods_return=back, request_id=new_request_id()))
    assert taken.goods_return.points == 8 + 25, "19 for $19.00, 11 for the $11.40 that are left"


async def test_of_many_who_claim_at_once_one_gets_it_once(shop: Shop) -> None:
    await record(shop, "p1", 40_00)
    answers = await asyncio.gather(
        *(claim(shop, "p1", member, 40_00) for member in ("ada", "ben") * 3), return_exceptions=True
    )
    told = sorted(getattr(one, "reason", "claimed") for one in answers)
    assert told == ["PURCHASE_CLAIMED"] * 3 + ["claimed"] * 3
    assert sorted([(await shop.balance(one)).posted for one in ("ada", "ben")]) == [50, 90]


async def test_a_receipt_is_guessed_five_times_at_most_and_a_guess_repeated_counts_once(shop: Shop) -> None:
    await record(shop, "p1", 40_00)
    for left in (4, 3, 2, 1, 0):
        for _ in range(2):
            with pytest.raises(RefusedError) as refused:
                await claim(shop, "p1", "ben", 39_00, request_id=f"guess-{left}")
            assert (refused.value.reason, refused.value.metadata["left"]) == ("CLAIM_NOT_PROVEN", str(left))
    assert await reason(claim(shop, "p1", "ada", 40_00)) == "CLAIM_LOCKED"
    assert (await shop.balance("ada")).posted == 50


async def test_what_is_too_old_unknown_or_a_members_is_not_claimed(shop: Shop) -> None:
    await record(shop, "old", 40_00, YESTERDAY - timedelta(days=31))
    assert await reason(claim(shop, "old", "ada", 40_00, YESTERDAY - timedelta(days=31))) == "CLAIM_TOO_LATE"
    with pytest.raises(NotFoundError):
        await claim(shop, "none", "ada", 1)
    await record(shop, "p1", 40_00)
    with pytest.raises(NotFoundError):
        await claim(shop, "p1", "nobody", 40_00)
    await shop.buy("bens", "ben", 40_00)
    assert await reason(claim(shop, "bens", "ada", 40_00)) == "PURCHASE_CLAIMED"
    assert (await claim(shop, "p1", "ada", 40_00)).purchase.rating.base_points == 40


async def test_a_till_that_learns_the_member_records_the_purchase_again(shop: Shop) -> None:
    kept = (await record(shop, "p1", 40_00)).purchase
    await shop.buy("p1", "ada", 40_00, kept.event_time)
    read = await shop.membership.membership.GetPurchase(pb.GetPurchaseRequest(name=kept.name))
    assert read.purchase.member == f"{shop.program}/members/ada"
    assert await reason(claim(shop, "p1", "ben", 40_00)) == "PURCHASE_CLAIMED"
    assert (await record(shop, "p1", 40_00)).already_recorded
    assert (await shop.balance("ada")).posted == 50 + 40


async def test_a_program_without_claims_keeps_no_guests_purchase(world: World) -> None:
    shop = await world.shop()
    assert await reason(record(shop, "p1", 40_00)) == "CLAIMS_NOT_TAKEN"
    with pytest.raises(InvalidRequestError):
        await world.shop(claim_days=-1)
