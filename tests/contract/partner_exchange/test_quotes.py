"""Quotes: exact, bounded in time, and only for one's own side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import InvalidRequestError, NotFoundError, RefusedError, was_replayed
from guerdon.exchange.v1 import rates_pb2
from tests.contract.partner_exchange.world import Coalition, rational


async def test_a_quote_says_what_is_sent_what_arrives_and_what_stays(coalition: Coalition) -> None:
    """Amex to JetBlue: 250:200 in steps of 250, so 1,300 become 1,000 with 50 left."""
    one, other = await coalition.brand(), await coalition.brand()
    book = await coalition.publish(one.to(other, "200/250", minimum=250, increment=250))
    quote = await one.quote(await one.member(), other, await other.member(), send=1_300)
    assert (quote.debited_amount, quote.received_amount, quote.remainder_amount) == (1_250, 1_000, 50)
    assert (quote.bonus_amount, quote.rate, quote.rate_book) == (0, rational("4/5"), book.name)
    assert quote.expire_time.ToDatetime() - quote.create_time.ToDatetime() == timedelta(minutes=15)


async def test_a_fixed_receive_may_bring_more_and_says_so(coalition: Coalition) -> None:
    """Marriott Bonvoy, at least 24,000 miles: 60,000 give 25,000."""
    one, other = await coalition.brand(), await coalition.brand()
    bonus = rates_pb2.ThresholdBonus(threshold=60_000, points=5_000)
    await coalition.publish(one.to(other, "1/3", minimum=3_000, bonus=bonus))
    quote = await one.quote(await one.member(), other, await other.member(), receive_at_least=24_000)
    assert (quote.debited_amount, quote.received_amount, quote.bonus_amount) == (60_000, 25_000, 5_000)


async def test_an_amount_that_buys_nothing_is_refused_with_the_smallest_that_does(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    await coalition.publish(one.to(other, "0.05263158", maximum=1_000))
    source, destination = await one.member(), await other.member()
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, other, destination, send=18)
    assert (refused.value.reason, refused.value.metadata["smallest_send"]) == ("AMOUNT_TOO_SMALL", "19")
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, other, destination, send=1_001)
    assert refused.value.reason == "AMOUNT_ABOVE_MAXIMUM"
    assert dict(refused.value.metadata) == {"maximum": "1000", "receives_at_most": "52"}


async def test_amounts_up_to_2_to_the_53_are_quoted_exactly(coalition: Coalition) -> None:
    """A float has no room for the last point of them. What would be owed for them has to be told, too."""
    one, other, dear = await coalition.brand(), await coalition.brand("1/3"), await coalition.brand("10000")
    await coalition.publish(one.to(other, "999999929/999999937"), one.to(dear, "1"))
    source = await one.member()
    quote = await one.quote(source, other, await other.member(), send=2**53)
    assert quote.received_amount == 2**53 * 999999929 // 999999937
    assert quote.debited_amount + quote.remainder_amount == 2**53
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, dear, await dear.member(), send=2**53)
    assert dict(refused.value.metadata) == {"maximum": str(2**53), "receives_at_most": str(2**53 // 10_000)}


async def test_exactly_one_amount_is_asked_for(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(), await other.member()
    wrong: list[dict[str, int]] = [{}, {"send": 0}, {"send": -5}, {"receive_at_least": 2**53 + 1}]
    for amount in wrong:
        with pytest.raises(InvalidRequestError):
            await one.quote(source, other, destination, **amount)


async def test_a_partner_sends_its_own_members_points_only(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    mine, theirs = await one.member(100), await other.member(100)
    with pytest.raises(NotFoundError):
        await one.quote(theirs, other, mine, send=10)
    # Whoever may act for both, such as the operator, is bound by it too.
    with pytest.raises(InvalidRequestError) as refused:
        await coalition.operator.coalition.CreateQuote(one.asking(theirs, other, mine, send=10))
    assert [violation.field for violation in refused.value.violations] == ["quote.source_account"]
    with pytest.raises(NotFoundError):
        await one.own.coalition.CreateQuote(other.asking(theirs, one, mine, send=10))
    with pytest.raises(InvalidRequestError):
        await one.quote(f"{one.program}/accounts/issuance.points", other, theirs, send=10)
    with pytest.raises(InvalidRequestError):
        await one.quote(mine, other, f"{other.program}/accounts/redemption.points", send=10)


async def test_there_is_no_quote_beyond_the_coalition_or_the_book(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    stranger = await (await coalition.world.coalition()).brand()
    source = await one.member()
    with pytest.raises(NotFoundError):
        await one.quote(source, stranger, await stranger.member(), send=10)
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, other, await other.member(), send=10)
    assert refused.value.reason == "NO_RATE"


async def test_a_quote_ends_with_its_book(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    await coalition.publish(one.to(other, "1/3"), effective=end)
    quote = await one.quote(await one.member(), other, await other.member(), send=10)
    assert quote.expire_time.ToDatetime(tzinfo=UTC) == end


async def test_the_same_request_again_is_the_same_quote(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(), await other.member()
    request = one.asking(source, other, destination, send=10, request_id="quote")
    first = (await one.own.coalition.CreateQuote(request)).quote
    await coalition.publish(one.to(other, "1/3"))
    call = one.own.coalition.CreateQuote(request)
    assert (await call).quote == first
    assert await was_replayed(call)
    with pytest.raises(InvalidRequestError) as refused:
        await one.own.coalition.CreateQuote(one.asking(source, other, destination, send=11, request_id="quote"))
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "quote")
