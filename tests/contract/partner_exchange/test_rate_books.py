"""Rate books: proved before they are published, and readable ever after."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from guerdon import InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import rates_pb2
from guerdon.exchange.v1 import resources_pb2 as res
from tests.contract.partner_exchange.world import Brand, Coalition, rational


async def rate(asker: Brand, sender: Brand, receiver: Brand, time: datetime | None = None) -> pb.GetRateResponse:
    request = pb.GetRateRequest(partner=asker.name, sender_id=sender.id, receiver_id=receiver.id)
    if time is not None:
        request.time.FromDatetime(time)
    return await asker.own.coalition.GetRate(request)


async def test_a_book_is_published_whole_and_stays_readable(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    bonus = rates_pb2.ThresholdBonus(threshold=60_000, points=5_000)
    published = await coalition.publish(
        one.to(other, "1/3", minimum=3_000, increment=3, maximum=240_000, bonus=bonus), other.to(one, "2")
    )
    assert published.name == f"{coalition.name}/rateBooks/1"
    assert not published.HasField("end_time")
    first = next(pair for pair in published.pairs if pair.sender == one.name)
    assert (first.minimum, first.increment, first.maximum, first.bonus) == (3_000, 3, 240_000, bonus)
    second = await coalition.publish(one.to(other, "1/4"))
    assert second.name == f"{coalition.name}/rateBooks/2"
    request = admin.GetRateBookRequest(name=published.name)
    past = (await coalition.operator.coalition_admin.GetRateBook(request)).rate_book
    assert past.pairs == published.pairs
    assert past.end_time == second.effective_time


async def test_a_profitable_book_is_refused_with_the_cycle_and_amounts_that_gain(coalition: Coalition) -> None:
    """Marriott Bonvoy, 3:1 with +5,000 for each 60,000, is 2.4:1 at its best: 2.5 the other way can be played."""
    one, other = await coalition.brand(), await coalition.brand()
    bonus = rates_pb2.ThresholdBonus(threshold=60_000, points=5_000)
    with pytest.raises(RefusedError) as refused:
        await coalition.publish(one.to(other, "1/3", minimum=3_000, bonus=bonus), other.to(one, "2.5"))
    assert refused.value.reason == "ARBITRAGE"
    shown = refused.value.metadata
    assert set(shown["cycle"].split(" > ")) == {one.id, other.id}
    assert int(shown["ended"]) > int(shown["began"])
    assert f"60000 {one.id} -> 25000 {other.id}" in shown["amounts"]
    with pytest.raises(NotFoundError):
        await coalition.operator.coalition_admin.GetRateBook(
            admin.GetRateBookRequest(name=f"{coalition.name}/rateBooks/1")
        )
    assert (await coalition.publish(one.to(other, "1/3", minimum=3_000, bonus=bonus), other.to(one, "2.4"))).name


async def test_the_same_publication_again_is_the_same_book(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    request = admin.PublishRateBookRequest(
        parent=coalition.name, rate_book=res.RateBook(pairs=[one.to(other, "1/2")]), request_id="spring"
    )
    first = await coalition.operator.coalition_admin.PublishRateBook(request)
    call = coalition.operator.coalition_admin.PublishRateBook(request)
    assert (await call).rate_book == first.rate_book
    assert await was_replayed(call)


async def test_books_follow_each_other_in_time(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    now = datetime.now(UTC)
    first = await coalition.publish(one.to(other, "1/2"))
    with pytest.raises(InvalidRequestError) as refused:
        await coalition.publish(one.to(other, "1/3"), effective=now - timedelta(days=1))
    assert [violation.field for violation in refused.value.violations] == ["rate_book.effective_time"]
    await coalition.publish(one.to(other, "1/3"), effective=now + timedelta(days=2))
    with pytest.raises(InvalidRequestError):
        await coalition.publish(one.to(other, "1/4"), effective=now + timedelta(days=1))
    with pytest.raises(InvalidRequestError):
        await coalition.publish(one.to(other, "1/4"))
    today, later = await rate(one, one, other), await rate(other, one, other, now + timedelta(days=3))
    assert (today.rate.rate, later.rate.rate) == (rational("1/2"), rational("1/3"))
    assert today.rate_book == first.name
    assert today.end_time == later.effective_time
    for missing in (rate(one, other, one), rate(one, one, other, now - timedelta(days=1))):
        with pytest.raises(RefusedError) as unrated:
            await missing
        assert unrated.value.reason == "NO_RATE"


async def test_a_pair_is_refused_by_its_field(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand()
    stranger = await (await coalition.world.coalition()).brand()
    wrong = {
        "rate_book.pairs[0].receiver": one.to(stranger, "1"),
        "rate_book.pairs[0].rate": res.PairRate(sender=one.name, receiver=other.name, rate=rational(0)),
        "rate_book.pairs[0].minimum": one.to(other, "1", minimum=-1),
        "rate_book.pairs[0].bonus": one.to(other, "1", bonus=rates_pb2.ThresholdBonus(threshold=-5, points=1)),
        "rate_book.pairs[0].bonus.threshold": one.to(
            other, "1/3", bonus=rates_pb2.ThresholdBonus(threshold=10, points=1)
        ),
    }
    for field, pair in wrong.items():
        with pytest.raises(InvalidRequestError) as refused:
            await coalition.publish(pair)
        assert [violation.field for violation in refused.value.violations] == [field]


async def test_a_book_of_an_unknown_coalition_is_not_found(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    request = admin.PublishRateBookRequest(
        parent="coalitions/nowhere", rate_book=res.RateBook(pairs=[one.to(other, "1")]), request_id=new_request_id()
    )
    with pytest.raises(NotFoundError):
        await coalition.operator.coalition_admin.PublishRateBook(request)
