"""Fees, promotions and capped bonuses, from the book to the exchange."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guerdon import InvalidRequestError, RefusedError, new_request_id
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import rates_pb2
from tests.contract.partner_exchange.world import Brand, Coalition, rational


def promotion(name: str = "spring", *, days: int = 7, **terms: Any) -> rates_pb2.Promotion:
    """One that is on since a minute ago."""
    made = rates_pb2.Promotion(promotion_id=name, **terms)
    now = datetime.now(UTC).replace(microsecond=0)
    made.start_time.FromDatetime(now - timedelta(minutes=1))
    made.end_time.FromDatetime(now + timedelta(days=days))
    return made


async def test_a_quote_and_its_exchange_say_what_the_promotion_and_the_fees_made_of_them(coalition: Coalition) -> None:
    """1,000 at 3:2 are 1,500, which is 500 more than without the promotion; 2 percent of what is sent are the fee."""
    one, other = await coalition.brand(), await coalition.brand()
    on = promotion(rate=rational("3/2"), funder=other.name)
    points_fee = rates_pb2.Fee(per_point=rational("1/50"), maximum=100)
    cash_fee = rates_pb2.Fee(per_point=rational("0.06"), maximum=9_900)
    terms = one.to(other, "1", points_fee=points_fee, cash_fee=cash_fee, promotions=[on], arrives_within_hours=48)
    published = await coalition.publish(terms)
    [kept] = published.pairs
    assert (kept.points_fee, kept.cash_fee, kept.arrives_within_hours) == (points_fee, cash_fee, 48)
    assert list(kept.promotions) == [on]
    source, destination = await one.member(5_000), await other.member()
    quote = await one.quote(source, other, destination, send=1_000)
    assert (quote.debited_amount, quote.received_amount) == (1_000, 1_480)
    assert (quote.fee_amount, quote.promotion_amount, quote.promotion_id) == (20, 500, "spring")
    assert (quote.cash_fee_minor_units, quote.cash_fee_currency_code) == (60, "GBP")
    assert quote.rate == rational("3/2")
    made = await one.execute(quote)
    assert (made.fee_amount, made.cash_fee_minor_units) == (20, 60)
    assert (made.promotion_id, made.promotion_amount) == ("spring", 500)
    assert await other.posted(destination) == 1_480


async def test_a_quote_ends_with_its_promotion_and_rates_tell_which_is_on(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    on = promotion(rate=rational(2))
    on.end_time.FromDatetime(datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5))
    await coalition.publish(one.to(other, "1", promotions=[on]))
    quote = await one.quote(await one.member(), other, await other.member(), send=10)
    assert (quote.received_amount, quote.expire_time) == (20, on.end_time)
    for time, promoted in ((None, "spring"), (on.end_time, "")):
        request = pb.GetRateRequest(partner=one.name, sender_id=one.id, receiver_id=other.id, time=time)
        assert (await one.own.coalition.GetRate(request)).promotion_id == promoted


async def test_a_promotion_counts_for_arbitrage_as_if_it_were_always_on(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    later = promotion("summer", rate=rational("2.1"))
    later.start_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    with pytest.raises(RefusedError) as refused:
        await coalition.publish(one.to(other, "1/2", promotions=[later]), other.to(one, "1/2"))
    assert refused.value.reason == "ARBITRAGE"
    assert "(summer)" in refused.value.metadata["amounts"]


async def test_a_promotion_is_never_worse_than_the_pair_and_never_one_of_two(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    stranger = await (await coalition.world.coalition()).brand()
    bonus = rates_pb2.ThresholdBonus(threshold=60, points=6)
    worse = promotion(bonus=rates_pb2.ThresholdBonus(threshold=50, points=6))
    overlapping = [promotion("a", rate=rational(2)), promotion("b", rate=rational(3))]
    wrong = {
        "promotions[0].rate": one.to(other, "1", promotions=[promotion(rate=rational("1/2"))]),
        "promotions[0].bonus": one.to(other, "1", bonus=bonus, promotions=[worse]),
        "promotions[0].funder": one.to(other, "1", promotions=[promotion(rate=rational(2), funder=stranger.name)]),
        "promotions": one.to(other, "1", promotions=overlapping),
        "points_fee.per_point": one.to(other, "1", points_fee=rates_pb2.Fee(per_point=rational(2))),
        "bonus.cap_period": one.to(other, "1", bonus=rates_pb2.ThresholdBonus(threshold=60, points=6, cap=60)),
    }
    for field, terms in wrong.items():
        with pytest.raises(InvalidRequestError) as refused:
            await coalition.publish(terms)
        assert [violation.field for violation in refused.value.violations] == [f"rate_book.pairs[0].{field}"]


async def capped(coalition: Coalition) -> tuple[Brand, Brand]:
    """5 on top for each 10, at most 12 in a month."""
    one, other = await coalition.brand(), await coalition.brand()
    bonus = rates_pb2.ThresholdBonus(threshold=10, points=5, cap=12, cap_period=rates_pb2.BONUS_PERIOD_MONTH)
    await coalition.publish(one.to(other, "1", bonus=bonus))
    return one, other


async def test_a_quote_has_what_other_exchanges_left_of_the_capped_bonus(coalition: Coalition) -> None:
    one, other = await capped(coalition)
    source, destination = await one.member(1_000), await other.member()
    bonuses = []
    for _ in range(3):
        made = await one.execute(await one.quote(source, other, destination, send=20))
        bonuses.append(made.bonus_amount)
    assert bonuses == [10, 2, 0]
    someone_else = await one.member()
    assert (await one.quote(someone_else, other, destination, send=100)).bonus_amount == 12


async def test_quotes_executed_at_once_never_have_more_than_the_capped_bonus(coalition: Coalition) -> None:
    one, other = await capped(coalition)
    source, destination = await one.member(1_000), await other.member()
    quotes = [await one.quote(source, other, destination, send=10) for _ in range(6)]
    made = await asyncio.gather(*(one.execute(quote) for quote in quotes), return_exceptions=True)
    refused = [each for each in made if isinstance(each, RefusedError)]
    assert {each.reason for each in refused} == {"BONUS_CAP_REACHED"}
    assert (refused[0].metadata["limit"], refused[0].metadata["used"]) == ("12", "10")
    assert len(refused) == 4
    assert await other.posted(destination) == 30


async def test_an_aborted_exchange_gives_its_bonus_back(coalition: Coalition) -> None:
    one, other = await capped(coalition)
    source, destination = await one.member(5), await other.member()
    with pytest.raises(RefusedError) as refused:
        await one.execute(await one.quote(source, other, destination, send=20))
    assert refused.value.reason == "INSUFFICIENT_POINTS"
    assert (await one.quote(source, other, destination, send=20)).bonus_amount == 10


@pytest.mark.parametrize(("minutes", "holds"), [(0, 15), (1, 1), (15, 15), (30, 30)])
async def test_a_quote_holds_as_long_as_it_is_asked_to(coalition: Coalition, minutes: int, holds: int) -> None:
    one, other = await coalition.pair()
    asking = one.asking(await one.member(), other, await other.member(), send=10, request_id=new_request_id())
    asking.lifetime_minutes = minutes
    quote = (await one.own.coalition.CreateQuote(asking)).quote
    assert quote.expire_time.ToDatetime() - quote.create_time.ToDatetime() == timedelta(minutes=holds)
    asking.lifetime_minutes, asking.request_id = 2, new_request_id()
    with pytest.raises(InvalidRequestError):
        await one.own.coalition.CreateQuote(asking)
