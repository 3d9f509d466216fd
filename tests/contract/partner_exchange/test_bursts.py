"""Bursts over several processes of the service: two instances, one of them with two workers, on one database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import status_pb2

from guerdon import new_request_id
from guerdon.exchange.v1 import coalition_service_pb2 as coalition_pb
from guerdon.exchange.v1 import limits_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1.coalition_service_pb2_grpc import CoalitionServiceStub
from guerdon_kit.grpc.status import DETAILS_KEY, read_details
from guerdon_kit.testing import RunningService, ServiceFactory
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational

if TYPE_CHECKING:
    from guerdon.exchange.v1.coalition_service_pb2_grpc import CoalitionServiceAsyncStub

ASKED, FIT, SENT = 15, 4, 10
CAPS: dict[str, dict[str, Any]] = {
    "MEMBER": {"member": pb.Caps(daily_points=FIT * SENT)},
    "PAIR": {"pairs": FIT * SENT},
    "PARTNER": {"total": pb.Caps(monthly_exchanges=FIT)},
    "VELOCITY": {"member_velocity": pb.Velocity(exchanges=FIT, within=Duration(seconds=3_600))},
    "NET DEBIT": {"net_debit_cap": FIT * SENT},
    "COVER": {"collateral": FIT * SENT * 3 // 2, "cover_ratio": rational("3/2")},
}
REASONS = {
    "PARTNER": "MONTHLY_LIMIT",
    "VELOCITY": "VELOCITY_LIMIT",
    "NET DEBIT": "NET_DEBIT_CAP",
    "COVER": "NET_DEBIT_CAP",
}


@pytest.fixture(scope="module")
def second(running: tuple[RunningService, RunningService], exchange_services: ServiceFactory) -> RunningService:
    """Another instance beside the one that all tests have."""
    ledger, exchange = running
    targets = {"ledger": ledger.target, "membership": ""}
    return exchange_services.start("partner_exchange", exchange.database, targets=targets, settings={"workers": "2"})


@pytest.fixture
async def stubs(world: World, second: RunningService) -> AsyncIterator[list[CoalitionServiceAsyncStub]]:
    """One connection each: what comes by one stays with the worker that accepted it."""
    targets = [world.exchange.target] * 2 + [second.target] * 4
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(target, options=options) for target in targets]
    yield [cast("CoalitionServiceAsyncStub", CoalitionServiceStub(channel)) for channel in channels]
    for channel in channels:
        await channel.close()


async def outcome(
    stub: CoalitionServiceAsyncStub, brand: Brand, quote: res.Quote, request_id: str = ""
) -> str | res.Exchange:
    """The exchange, or why it was refused."""
    request = coalition_pb.ExecuteExchangeRequest(quote=quote.name, request_id=request_id or new_request_id())
    try:
        metadata = (("authorization", f"Bearer {brand.token()}"),)
        return (await stub.ExecuteExchange(request, timeout=20, metadata=metadata)).exchange
    except grpc.aio.AioRpcError as refused:
        details = dict(refused.trailing_metadata() or ())[DETAILS_KEY]
        return read_details(status_pb2.Status.FromString(details))[0]


async def burst(
    stubs: Sequence[CoalitionServiceAsyncStub], brand: Brand, quotes: Sequence[res.Quote]
) -> tuple[list[res.Exchange], Counter[str]]:
    """Executes all at once over all connections; what was done, and how often which refusal was."""
    asked = [outcome(stubs[number % len(stubs)], brand, quote) for number, quote in enumerate(quotes)]
    answers = await asyncio.gather(*asked)
    done = [answer for answer in answers if isinstance(answer, res.Exchange)]
    return done, Counter(answer for answer in answers if isinstance(answer, str))


@pytest.mark.parametrize("cap", CAPS)
async def test_no_burst_over_several_processes_passes_a_cap_and_what_goes_back_gives_its_room_back(
    coalition: Coalition, stubs: list[CoalitionServiceAsyncStub], cap: str
) -> None:
    one, other = await coalition.pair("1", "1")
    limits = dict(CAPS[cap])
    if cap == "PAIR":
        limits["pairs"] = [pb.PairCaps(receiver_id=other.id, caps=pb.Caps(daily_points=limits["pairs"]))]
    member, destination = await one.member(3 * ASKED * SENT), await other.member()

    async def quotes() -> list[res.Quote]:
        return await asyncio.gather(*[one.quote(member, other, destination, send=SENT) for _ in range(ASKED)])

    rounds = [await quotes() for _ in range(2)]  # before there is a limit
    await coalition.limit(one, **limits)
    done, refused = await burst(stubs, one, rounds[0])
    assert (len(done), refused) == (FIT, {REASONS.get(cap, "DAILY_LIMIT"): ASKED - FIT})
    assert await one.posted(member) == (3 * ASKED - FIT) * SENT
    assert await coalition.net_debit(one) == FIT * SENT == -await coalition.net_debit(other)
    if cap == "VELOCITY":  # counts by when exchanges began, also those that went back
        return
    await asyncio.gather(*[coalition.reverse(exchange) for exchange in done[1:]])
    done, refused = await burst(stubs, one, rounds[1])
    assert (len(done), refused.total()) == (FIT - 1, ASKED - FIT + 1)
    assert await coalition.net_debit(one) == FIT * SENT == -await coalition.net_debit(other)


async def test_one_quote_that_is_executed_over_many_connections_at_once_is_used_once(
    coalition: Coalition, stubs: list[CoalitionServiceAsyncStub]
) -> None:
    one, other = await coalition.pair("1", "1")
    member = await one.member(100)
    quote = await one.quote(member, other, await other.member(), send=SENT)
    done, refused = await burst(stubs, one, [quote] * ASKED)
    assert (len(done), refused) == (1, {"QUOTE_USED": ASKED - 1})
    assert await one.posted(member) == 100 - SENT


async def test_one_request_that_comes_over_many_connections_at_once_has_one_effect(
    coalition: Coalition, stubs: list[CoalitionServiceAsyncStub]
) -> None:
    one, other = await coalition.pair("1", "1")
    member, destination = await one.member(100), await other.member()
    metadata = (("authorization", f"Bearer {one.token()}"),)
    asked = [one.asking(member, other, destination, send=SENT) for _ in range(3)]
    made = await asyncio.gather(
        *[stub.CreateQuote(request, timeout=20, metadata=metadata) for stub in stubs for request in asked]
    )
    quotes = [each.quote for each in made]
    assert quotes == quotes[:3] * len(stubs)
    assert len({quote.name for quote in quotes}) == 3
    ids = {quote.name: new_request_id() for quote in quotes}
    executed = [outcome(stub, one, quote, ids[quote.name]) for stub in stubs for quote in quotes[:3]]
    done = [each if isinstance(each, str) else each.name for each in await asyncio.gather(*executed)]
    assert done == [quote.name.replace("/quotes/", "/exchanges/") for quote in quotes]
    assert await one.posted(member) == 100 - 3 * SENT
