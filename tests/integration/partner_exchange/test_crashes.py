"""Killed at any moment, an exchange is finished: both sides are posted once, or neither is. So is a reversal."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

import grpc
import pytest
from google.rpc import status_pb2

from guerdon import RefusedError, UnavailableError
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import limits_pb2, reversals_pb2
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.exchange.v1.coalition_service_pb2_grpc import CoalitionServiceStub
from guerdon_kit.clock import set_offset
from guerdon_kit.grpc.status import DETAILS_KEY, read_details
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.treasury import Treasurer
from tests.contract.partner_exchange.world import Brand, Coalition, World
from tests.integration.partner_exchange.conftest import Fallible

if TYPE_CHECKING:
    from guerdon.exchange.v1.coalition_service_pb2_grpc import CoalitionServiceAsyncStub

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

MOMENTS = ("RECEIVED", "POSTING", "ledger answered", "COMMITTED")
REFUSED_MOMENTS = ("ledger answered", "ABORTED")
REVERSAL_MOMENTS = ("reversal accepted", "reversal answered", "reversal COMMITTED")
COMMITTED, ABORTED = res.EXCHANGE_STATE_COMMITTED, res.EXCHANGE_STATE_ABORTED


async def all_ended(brand: Brand) -> list[res.Exchange]:
    """The brand's exchanges, once none is under way."""

    async def ended() -> bool:
        return all(exchange.state in {COMMITTED, ABORTED} for exchange in await brand.exchanges())

    await wait_until(ended)
    return await brand.exchanges()


async def killed(fallible: Fallible, moment: str, brand: Brand, quote: res.Quote) -> None:
    """An exchange during which partner exchange is killed at the moment, and started again."""
    await all_ended(brand)  # or one that recovery takes up comes to the moment first, and this one is never received
    if moment == "RECEIVED":  # where the ledger does not say what the points are before the quote is used up
        fallible.ledger.process.kill()
    await fallible.killed_at(moment, brand.execute(quote, f"at {moment}".replace(" ", "-")))
    if moment == "RECEIVED":
        await asyncio.to_thread(fallible.ledger.process.restart)
    await wait_until(partial(answers, brand))


async def answers(brand: Brand) -> bool:
    """Whether the brand's channel has found the service again."""
    try:
        await brand.exchanges()
    except UnavailableError:
        return False
    return True


@pytest.mark.parametrize("enough", [True, False])
async def test_killed_at_each_moment_an_exchange_is_finished(
    fallible: Fallible, coalition: Coalition, world: World, enough: bool
) -> None:
    one, other = await coalition.pair("1/2", "2")
    moments = MOMENTS if enough else REFUSED_MOMENTS
    source, destination = await one.member(1_000 if enough else 99), await other.member()
    treasurer = Treasurer(coalition)
    for number, moment in enumerate(moments, 1):
        await killed(fallible, moment, one, await one.quote(source, other, destination, send=100))
        await treasurer.close(number)
    exchanges = await all_ended(one)
    assert [exchange.state for exchange in exchanges] == [COMMITTED if enough else ABORTED] * len(moments)
    sent = 100 * len(moments) if enough else 0
    assert (await one.posted(source), await other.posted(destination)) == (1_000 - sent if enough else 99, sent // 2)
    assert (await one.exchanged_with(other), await other.exchanged_with(one)) == (sent, -sent // 2)
    # Closed between any two steps, each exchange is in exactly one settlement window.
    windows = [await treasurer.positions(number) for number in range(1, len(moments) + 2)]
    assert sum(position.received_amount for positions in windows for position in positions) == sent // 2
    assert sum(position.exchange_count for positions in windows for position in positions) == sent // 100
    # The same requests again are answered with what has become of them.
    for moment, exchange in zip(moments, reversed(exchanges), strict=True):
        request_id, quote = f"at {moment}".replace(" ", "-"), exchange.name.replace("/exchanges/", "/quotes/")
        if enough:
            assert (await one.execute(quote, request_id)).transaction == exchange.transaction
        else:
            with pytest.raises(RefusedError) as refused:
                await one.execute(quote, request_id)
            assert refused.value.reason == "INSUFFICIENT_POINTS"
    await world.verify()


@pytest.mark.parametrize("moment", ["RECEIVED", "POSTING"])
async def test_with_the_ledger_away_the_caller_learns_that_it_goes_on_and_the_same_request_ends_it(
    fallible: Fallible, coalition: Coalition, moment: str
) -> None:
    one, other = await coalition.pair("1/2", "2")
    source, destination = await one.member(100), await other.member()
    quote = await one.quote(source, other, destination, send=100)
    if moment == "RECEIVED":
        fallible.ledger.process.kill()
    else:
        fallible.kill_ledger_at(moment)
    assert await asked_once(fallible, one, quote, "once") == "EXCHANGE_IN_PROGRESS"
    [exchange] = await one.exchanges()
    assert exchange.state in {res.EXCHANGE_STATE_RECEIVED, res.EXCHANGE_STATE_POSTING}
    await asyncio.to_thread(fallible.ledger.process.restart)
    assert (await one.execute(quote, "once")).state == COMMITTED
    assert (await one.posted(source), await other.posted(destination)) == (0, 50)


async def test_a_refusal_that_may_pass_ends_the_exchange_once_no_unanswered_attempt_can_still_post(
    fallible: Fallible, coalition: Coalition, fallible_services: ServiceFactory
) -> None:
    """However often it is asked meanwhile: an attempt that was answered is over."""
    one, other = await coalition.pair("1/2", "2")
    source, nobody = await one.member(100), f"{other.program}/accounts/nobody"
    quote = await one.quote(source, other, nobody, send=100)
    await killed(fallible, "POSTING", one, quote)
    for seconds in (0, 90):
        set_offset(fallible_services.clock_file, timedelta(seconds=seconds))
        assert await asked_once(fallible, one, quote, "at-POSTING") == "EXCHANGE_IN_PROGRESS"
    set_offset(fallible_services.clock_file, timedelta(seconds=180))
    [exchange] = await all_ended(one)
    set_offset(fallible_services.clock_file, timedelta())
    assert (exchange.state, exchange.abort_reason) == (ABORTED, "NOT_FOUND")
    assert await one.posted(source) == 100


async def asked_once(fallible: Fallible, brand: Brand, quote: res.Quote, request_id: str) -> str:
    """Why an execution fails, of a client that does not ask again by itself, but where no answer came in time."""
    options = [("grpc.enable_retries", 0)]
    async with grpc.aio.insecure_channel(fallible.exchange.target, options=options) as channel:
        # At run time a stub is both the blocking and the async one.
        stub = cast("CoalitionServiceAsyncStub", CoalitionServiceStub(channel))
        request = pb.ExecuteExchangeRequest(quote=quote.name, request_id=request_id)
        metadata = (("authorization", f"Bearer {brand.token()}"),)
        while True:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await stub.ExecuteExchange(request, timeout=2, metadata=metadata)
            if failed.value.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                break
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    details = dict(failed.value.trailing_metadata() or ())[DETAILS_KEY]
    return read_details(status_pb2.Status.FromString(details))[0]


async def test_killed_at_random_under_load_no_point_is_lost_or_made(
    fallible: Fallible, coalition: Coalition, world: World
) -> None:
    """Three kills, of either service, among sixty exchanges there and back; the seed is fixed."""
    chance = random.Random(40)
    one, other = await coalition.pair("1/2", "2")
    members = [(await one.member(1_000), await other.member(1_000)) for _ in range(6)]

    async def trade(number: int, mine: str, theirs: str) -> None:
        for turn in range(10):
            there = turn % 2 == 0
            sender, receiver = (one, other) if there else (other, one)
            accounts = (mine, theirs) if there else (theirs, mine)
            await persist(sender, receiver, accounts, f"{number}-{turn}")

    async def persist(sender: Brand, receiver: Brand, accounts: tuple[str, str], key: str) -> None:
        source, destination = accounts
        asking = sender.asking(source, receiver, destination, send=10, request_id=f"quote-{key}")
        while True:
            try:
                quote = (await sender.own.coalition.CreateQuote(asking)).quote
                await sender.execute(quote, f"execute-{key}")
                return
            except UnavailableError:
                await asyncio.sleep(0.25)

    async def kill() -> None:
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            process = chance.choice((fallible.exchange, fallible.ledger)).process
            process.kill()
            await asyncio.to_thread(process.restart)

    async with asyncio.timeout(120):
        await asyncio.gather(kill(), *[trade(number, *pair) for number, pair in enumerate(members)])
    sent = await all_ended(one)
    assert [exchange.state for exchange in sent] == [COMMITTED] * 60
    out = sum(exchange.debited_amount for exchange in sent if exchange.sender_id == one.id)
    back = sum(exchange.received_amount for exchange in sent if exchange.sender_id == other.id)
    assert (out, back) == (300, 600)
    assert [await one.posted(mine) for mine, _ in members] == [1_000 - 50 + 100] * 6
    assert [await other.posted(theirs) for _, theirs in members] == [1_000 + 25 - 50] * 6
    await world.verify()


async def reversed_in(brand: Brand, exchange: str, count: int) -> bool:
    """Whether the exchange has so many reversals, all of them COMMITTED."""
    found = (await brand.own.reversals.ListReversals(reversals_pb2.ListReversalsRequest(parent=exchange))).reversals
    return [reversal.state for reversal in found] == [reversals_pb2.REVERSAL_STATE_COMMITTED] * count


async def test_killed_at_each_moment_a_reversal_is_finished_once(
    fallible: Fallible, coalition: Coalition, world: World
) -> None:
    one, other = await coalition.pair("1/2", "2")
    await coalition.limit(one, member=limits_pb2.Caps(daily_points=100, daily_exchanges=1), net_debit_cap=50)
    source, destination = await one.member(100), await other.member()
    sent = await one.execute(await one.quote(source, other, destination, send=100))
    for number, (moment, amount) in enumerate(zip(REVERSAL_MOMENTS, (30, 20, 0), strict=True), start=1):
        await fallible.killed_at(moment, coalition.reverse(sent, amount, request_id=f"part-{number}"))
        await wait_until(partial(answers, one))
        await wait_until(partial(reversed_in, one, sent.name, number))
        again = await coalition.reverse(sent, amount, request_id=f"part-{number}")
        assert again.returned_amount == (amount or 50)
    assert (await one.posted(source), await other.posted(destination)) == (100, 0)
    assert await coalition.net_debit(one) == 0 == await coalition.net_debit(other)
    await one.execute(await one.quote(source, other, destination, send=100))
    assert await coalition.net_debit(one) == 50
    await world.verify()
