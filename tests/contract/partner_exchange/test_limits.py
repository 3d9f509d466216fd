"""Limits are never passed, however many exchange at once, and room comes back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from guerdon import GuerdonError, InvalidRequestError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import coalition_service_pb2 as coalition_pb
from guerdon.exchange.v1 import limits_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational


@pytest.fixture
def clock(exchange_services: ServiceFactory) -> Path:
    return exchange_services.clock_file


async def rush(sender: Brand, receiver: Brand, accounts: list[tuple[str, str]], send: int) -> tuple[int, list[Any]]:
    """Executes an exchange for each pair of accounts at once; how many succeeded, and why the others did not."""
    quotes = [await sender.quote(source, receiver, destination, send=send) for source, destination in accounts]
    answers = await asyncio.gather(*[sender.execute(quote) for quote in quotes], return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, GuerdonError)]
    done = sum(isinstance(answer, res.Exchange) for answer in answers)
    assert done + len(refusals) == len(answers)
    return done, refusals


async def test_of_three_concurrent_exchanges_of_2_exactly_two_fit_under_a_net_debit_cap_of_4(
    coalition: Coalition,
) -> None:
    """oracles: cap of 4, three concurrent exchanges of 2."""
    one, other = await coalition.pair("1", "1")
    await coalition.limit(one, net_debit_cap=4)
    accounts = [(await one.member(10), await other.member()) for _ in range(3)]
    done, [refusal] = await rush(one, other, accounts, 2)
    assert (done, refusal.reason) == (2, "NET_DEBIT_CAP")
    assert isinstance(refusal, RefusedError)
    assert dict(refusal.metadata) == {"partner": one.name, "cap": "4", "used": "4", "requested": "2"}
    assert await coalition.net_debit(one) == 4 == -await coalition.net_debit(other)


async def test_nobody_comes_to_owe_more_than_a_settlement_carries_also_without_a_limit(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand("10000")
    await coalition.publish(one.to(other, "1"))
    most = 2**53
    source, destination = await one.member(most // 10_000), await other.member()
    await one.earn(source, most // 10_000)
    quotes = [await one.quote(source, other, destination, send=most // 10_000 - 10) for _ in range(2)]
    await one.execute(quotes[0])
    with pytest.raises(RefusedError) as refused:
        await one.execute(quotes[1])
    assert (refused.value.reason, refused.value.metadata["cap"]) == ("NET_DEBIT_CAP", str(most))
    assert 0 < most - await coalition.net_debit(one) < 200_000


async def test_what_comes_back_gives_room_under_a_net_debit_cap_and_prices_are_exact(coalition: Coalition) -> None:
    one, other = await coalition.brand("2/3"), await coalition.brand("1/7")
    await coalition.publish(one.to(other, "1"), other.to(one, "1/5"))
    await coalition.limit(one, collateral=1, cover_ratio=rational("1"))
    source, destination = await one.member(100), await other.member(100)
    await one.execute(await one.quote(source, other, destination, send=7))
    assert await coalition.net_debit(one) == 1
    with pytest.raises(RefusedError) as refused:
        await one.quote(source, other, destination, send=1)
    assert (refused.value.reason, refused.value.metadata["used"]) == ("NET_DEBIT_CAP", "1")
    await other.execute(await other.quote(destination, one, source, send=5))
    assert await coalition.net_debit(one) == Fraction(1, 3) == -await coalition.net_debit(other)
    await one.execute(await one.quote(source, other, destination, send=4))
    assert await coalition.net_debit(one) == Fraction(1, 3) + Fraction(4, 7)


@pytest.mark.parametrize(
    ("limits", "scope"),
    [
        ({"member": {"daily_points": 50}}, "MEMBER"),
        ({"total": {"monthly_exchanges": 5}}, "PARTNER"),
        ({"pairs": True}, "PAIR"),
    ],
)
async def test_no_burst_passes_a_cap_together(coalition: Coalition, limits: dict[str, Any], scope: str) -> None:
    one, other = await coalition.pair("1/2", "2")
    if scope == "PAIR":
        limits = {"pairs": [pb.PairCaps(receiver_id=other.id, caps=pb.Caps(daily_points=50, monthly_exchanges=100))]}
    await coalition.limit(one, **limits)
    member = await one.member(1_000)
    accounts = [(member if scope == "MEMBER" else await one.member(10), await other.member()) for _ in range(12)]
    done, refusals = await rush(one, other, accounts, 10)
    assert done == 5
    assert {(refusal.reason, refusal.metadata["scope"]) for refusal in refusals} == {
        ("MONTHLY_LIMIT" if scope == "PARTNER" else "DAILY_LIMIT", scope)
    }
    assert sum([await other.posted(destination) for _, destination in accounts]) == 25


async def test_a_member_exchanges_only_so_often_within_a_time(coalition: Coalition, clock: Path) -> None:
    one, other = await coalition.pair()
    await coalition.limit(one, member_velocity=pb.Velocity(exchanges=2, within=Duration(seconds=300)))
    source, destination = await one.member(100), await other.member()
    done, refusals = await rush(one, other, [(source, destination)] * 5, 10)
    assert (done, {refusal.reason for refusal in refusals}) == (2, {"VELOCITY_LIMIT"})
    assert refusals[0].metadata["limit"] == "2"
    another = await one.member(100)
    await one.execute(await one.quote(another, other, destination, send=10))
    set_offset(clock, timedelta(minutes=5, seconds=30))
    try:
        assert (await one.quote(source, other, destination, send=10)).debited_amount == 10
    finally:
        set_offset(clock, timedelta())


async def test_an_aborted_exchange_gives_its_room_back(coalition: Coalition) -> None:
    one, other = await coalition.pair("1", "1")
    await coalition.limit(
        one,
        member=pb.Caps(daily_points=100, daily_exchanges=1),
        total=pb.Caps(monthly_points=100),
        net_debit_cap=100,
    )
    source, destination = await one.member(50), await other.member()
    quote = await one.quote(source, other, destination, send=100)
    with pytest.raises(RefusedError):
        await one.execute(quote)
    assert await coalition.net_debit(one) == 0
    await one.earn(source, 50)
    await one.execute(await one.quote(source, other, destination, send=100))
    assert await coalition.net_debit(one) == 100


async def test_what_was_used_before_a_limit_was_set_counts_until_the_coalitions_day_ends(
    world: World, clock: Path
) -> None:
    now = datetime.now(UTC)
    ahead = 12 - now.hour  # to a zone in which it is about noon; the names of these zones have the opposite sign
    coalition = await world.coalition(time_zone=f"Etc/GMT{-ahead:+d}")
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member()
    await one.execute(await one.quote(source, other, destination, send=30))
    quote = await one.quote(source, other, destination, send=30)
    await coalition.limit(one, member=pb.Caps(daily_points=50))
    with pytest.raises(RefusedError) as refused:
        await one.execute(quote)
    metadata = refused.value.metadata
    assert (metadata["limit"], metadata["used"], metadata["requested"]) == ("50", "30", "30")
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=24 - ahead)
    assert metadata["reset_time"] == midnight.isoformat()
    with pytest.raises(RefusedError):
        await one.quote(source, other, destination, send=22)
    set_offset(clock, midnight + timedelta(minutes=1) - now)
    try:
        assert (await one.quote(source, other, destination, send=50)).debited_amount == 50
    finally:
        set_offset(clock, timedelta())
    await coalition.limit(one)
    await one.execute(await one.quote(source, other, destination, send=60))


async def test_a_cap_is_lowered_below_what_is_used_and_nothing_more_fits(coalition: Coalition) -> None:
    one, other = await coalition.pair("1", "1")
    await coalition.limit(one, net_debit_cap=100, total=pb.Caps(daily_points=100))
    source, destination = await one.member(100), await other.member(100)
    await one.execute(await one.quote(source, other, destination, send=60))
    await coalition.limit(one, net_debit_cap=50, total=pb.Caps(daily_points=200))
    with pytest.raises(RefusedError):
        await one.quote(source, other, destination, send=1)
    await other.execute(await other.quote(destination, one, source, send=11))
    await one.execute(await one.quote(source, other, destination, send=1))


async def test_limits_are_versions_that_say_who_set_them_and_why(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    read = (await one.own.exchange_limits.GetPartnerLimits(pb.GetPartnerLimitsRequest(partner=one.name))).limits
    assert (read.version, read.HasField("net_debit_cap"), read.HasField("create_time")) == (0, False, False)
    wanted = pb.PartnerLimits(
        partner=one.name,
        member=pb.Caps(daily_points=100, monthly_exchanges=3),
        member_velocity=pb.Velocity(exchanges=2, within=Duration(seconds=600)),
        pairs=[pb.PairCaps(receiver_id=other.id, caps=pb.Caps(daily_exchanges=9))],
        total=pb.Caps(monthly_points=1_000),
        net_debit_cap=0,
        collateral=900,
        cover_ratio=rational("3/2"),
    )
    request = pb.SetPartnerLimitsRequest(limits=wanted, reason="First month", request_id=new_request_id())
    call = coalition.operator.exchange_limits.SetPartnerLimits(request)
    kept = (await call).limits
    again = coalition.operator.exchange_limits.SetPartnerLimits(request)
    assert (await again).limits == kept
    assert await was_replayed(again)
    for field in ("member", "member_velocity", "pairs", "total", "net_debit_cap", "collateral", "cover_ratio"):
        assert getattr(kept, field) == getattr(wanted, field)
    assert (kept.version, kept.reason, kept.HasField("create_time")) == (1, "First month", True)
    second = await coalition.limit(one)
    assert (
        await one.own.exchange_limits.GetPartnerLimits(pb.GetPartnerLimitsRequest(partner=one.name))
    ).limits == second
    listing = pb.ListPartnerLimitsRequest(parent=one.name, page_size=1)
    newest = await one.own.exchange_limits.ListPartnerLimits(listing)
    listing.page_token = newest.next_page_token
    older = await one.own.exchange_limits.ListPartnerLimits(listing)
    assert ([*newest.limits], [*older.limits], older.next_page_token) == ([second], [kept], "")


async def test_limits_are_the_operators_and_read_by_the_partner_alone(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    request = pb.SetPartnerLimitsRequest(
        limits=pb.PartnerLimits(partner=one.name), reason="Mine", request_id=new_request_id()
    )
    with pytest.raises(GuerdonError) as refused:
        await one.own.exchange_limits.SetPartnerLimits(request)
    assert refused.value.reason == "SCOPE_REQUIRED"
    with pytest.raises(GuerdonError) as refused:
        await other.own.exchange_limits.GetPartnerLimits(pb.GetPartnerLimitsRequest(partner=one.name))
    assert refused.value.reason == "NOT_FOUND"
    for receiver in (one.id, "nobody"):
        with pytest.raises(InvalidRequestError):
            await coalition.limit(one, pairs=[pb.PairCaps(receiver_id=receiver, caps=pb.Caps(daily_points=1))])


async def test_a_paused_corridor_says_so_and_only_in_its_direction(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member(100)
    quote = await one.quote(source, other, destination, send=10)
    done = await one.quote(source, other, destination, send=10)
    await one.execute(done, "before")
    pause = pb.PauseCorridorRequest(
        sender=one.name, receiver=other.name, reason="Their feed is wrong", request_id=new_request_id()
    )
    paused = (await coalition.operator.exchange_limits.PauseCorridor(pause)).pause
    later = pb.PauseCorridorRequest(
        sender=one.name, receiver=other.name, reason="Another one", request_id=new_request_id()
    )
    assert (await coalition.operator.exchange_limits.PauseCorridor(later)).pause == paused
    for attempt in (one.execute(quote), one.quote(source, other, destination, send=10)):
        with pytest.raises(RefusedError) as refused:
            await attempt
        assert (refused.value.reason, refused.value.metadata["why"]) == ("CORRIDOR_PAUSED", "Their feed is wrong")
    assert (await one.execute(done, "before")).state == res.EXCHANGE_STATE_COMMITTED
    asked = coalition_pb.GetRateRequest(partner=one.name, sender_id=one.id, receiver_id=other.id)
    assert (await one.own.coalition.GetRate(asked)).pause == paused
    await other.execute(await other.quote(destination, one, source, send=10))
    for _ in range(2):
        resume = pb.ResumeCorridorRequest(sender=one.name, receiver=other.name, request_id=new_request_id())
        await coalition.operator.exchange_limits.ResumeCorridor(resume)
    assert not (await one.own.coalition.GetRate(asked)).HasField("pause")
    await one.execute(quote)
