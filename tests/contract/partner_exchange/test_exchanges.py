"""Exchanges: both sides or neither, once for each quote, and what they make the brands owe each other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from guerdon import InvalidRequestError, NotFoundError, RefusedError, was_replayed
from guerdon.exchange.v1 import coalition_admin_service_pb2 as admin
from guerdon.exchange.v1 import coalition_service_pb2 as pb
from guerdon.exchange.v1 import resources_pb2 as res
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory
from tests.contract.partner_exchange.world import Brand, Coalition, World, rational

COMMITTED, ABORTED = res.EXCHANGE_STATE_COMMITTED, res.EXCHANGE_STATE_ABORTED


@pytest.fixture
def clock(exchange_services: ServiceFactory) -> Path:
    return exchange_services.clock_file


async def test_points_leave_one_brand_and_arrive_at_the_other(coalition: Coalition, world: World) -> None:
    """Nectar and Avios until November 2022: 1,200 become 750, and 750 become 1,200 again."""
    nectar, avios = await coalition.brand(), await coalition.brand()
    await coalition.publish(
        nectar.to(avios, "250/400", minimum=400, increment=400), avios.to(nectar, "400/250", minimum=250, increment=250)
    )
    card, flyer = await nectar.member(1_500), await avios.member()
    there = await nectar.execute(await nectar.quote(card, avios, flyer, send=1_500))
    assert (there.state, there.debited_amount, there.received_amount) == (COMMITTED, 1_200, 750)
    assert (await nectar.posted(card), await avios.posted(flyer)) == (300, 750)
    assert (await nectar.exchanged_with(avios), await avios.exchanged_with(nectar)) == (1_200, -750)
    back = await avios.execute(await avios.quote(flyer, nectar, card, send=750))
    assert (back.debited_amount, back.received_amount) == (750, 1_200)
    assert (await nectar.posted(card), await avios.posted(flyer)) == (1_500, 0)
    assert (await nectar.exchanged_with(avios), await avios.exchanged_with(nectar)) == (0, 0)
    await world.verify()


async def test_the_ledger_books_an_exchange_to_whoever_asked_by_issuer_and_subject(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    done = await one.execute(await one.quote(await one.member(100), other, await other.member(), send=100))
    read = await coalition.books.ledger.GetTransaction(ledger.GetTransactionRequest(name=done.transaction))
    assert read.transaction.actor == f"service:partner_exchange for {one.name}|mobile"


async def test_the_sender_owes_what_was_received_at_the_receivers_price_exactly(coalition: Coalition) -> None:
    one, other = await coalition.brand("0.55"), await coalition.brand("0.7")
    await coalition.publish(one.to(other, "1/3"), other.to(one, "3"))
    source, destination = await one.member(1_000), await other.member()
    for send in (100, 10):
        done = await one.execute(await one.quote(source, other, destination, send=send))
    assert (done.owed.minor_units, done.owed.fraction, done.owed.currency_code) == (2, rational("1/10"), "GBP")
    await other.execute(await other.quote(destination, one, source, send=5))
    positions = {(p.sender, p.receiver): p for p in await coalition.positions()}
    assert len(positions) == 2
    out, back = positions[one.name, other.name], positions[other.name, one.name]
    assert (out.exchange_count, out.debited_amount, out.received_amount) == (2, 99 + 9, 33 + 3)
    assert (out.owed.minor_units, out.owed.fraction) == (25, rational("1/5"))
    assert (back.exchange_count, back.debited_amount, back.received_amount) == (1, 5, 15)
    assert (back.owed.minor_units, back.owed.fraction) == (8, rational("1/4"))


async def test_positions_are_paged(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    a, b = await one.member(100), await other.member(100)
    await one.execute(await one.quote(a, other, b, send=10))
    await other.execute(await other.quote(b, one, a, send=10))
    seen, token = [], ""
    for _ in range(2):
        page = await coalition.operator.coalition_admin.ListPositions(
            admin.ListPositionsRequest(parent=coalition.name, page_size=1, page_token=token)
        )
        seen += [position.sender for position in page.positions]
        token = page.next_page_token
    assert (sorted(seen), token) == (sorted([one.name, other.name]), "")


async def test_with_too_few_points_nothing_moves_and_the_exchange_is_over(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(30), await other.member()
    quote = await one.quote(source, other, destination, send=100)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await one.execute(quote, "too-early")
        assert refused.value.reason == "INSUFFICIENT_POINTS"
        assert dict(refused.value.metadata) == {"required": "100", "available": "30", "missing": "70"}
        await one.earn(source, 70)
    assert (await one.posted(source), await other.posted(destination)) == (170, 0)
    [aborted] = await one.exchanges()
    assert (aborted.state, aborted.abort_reason) == (ABORTED, "INSUFFICIENT_POINTS")
    assert not aborted.HasField("owed")
    assert await coalition.positions() == []
    with pytest.raises(RefusedError) as refused:
        await one.execute(quote, "now-there-is-enough")
    assert refused.value.reason == "QUOTE_USED"


async def test_an_account_that_does_not_exist_ends_the_exchange(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source = await one.member(100)
    quote = await one.quote(source, other, f"{other.program}/accounts/nobody", send=10)
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            await one.execute(quote, "try")
        assert (refused.value.reason, refused.value.metadata["ledger_reason"]) == ("EXCHANGE_ABORTED", "NOT_FOUND")
    assert await one.posted(source) == 100


async def test_a_quote_is_used_once_whoever_races(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(1_000), await other.member()
    quote = await one.quote(source, other, destination, send=100)
    answers = await asyncio.gather(
        *[one.execute(quote, f"racer-{number}") for number in range(8)], return_exceptions=True
    )
    done = [answer for answer in answers if isinstance(answer, res.Exchange)]
    refused = [answer.reason for answer in answers if isinstance(answer, RefusedError)]
    assert (len(done), refused) == (1, ["QUOTE_USED"] * 7)
    assert done[0].name == quote.name.replace("/quotes/", "/exchanges/")
    assert (await one.posted(source), await other.posted(destination)) == (900, 50)


async def test_the_same_request_many_times_at_once_is_one_exchange(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(1_000), await other.member()
    quote = await one.quote(source, other, destination, send=100)
    answers = await asyncio.gather(*[one.execute(quote, "at-once") for _ in range(8)])
    assert {(answer.name, answer.state) for answer in answers} == {(answers[0].name, COMMITTED)}
    assert await one.posted(source) == 900
    call = one.own.coalition.ExecuteExchange(pb.ExecuteExchangeRequest(quote=quote.name, request_id="at-once"))
    assert (await call).exchange == answers[0]
    assert await was_replayed(call)
    another = await one.quote(source, other, destination, send=100)
    with pytest.raises(InvalidRequestError) as refused:
        await one.execute(another, "at-once")
    assert (refused.value.reason, refused.value.metadata["fields"]) == ("REQUEST_ID_REUSED", "quote")


async def test_concurrent_exchanges_of_one_member_spend_no_point_twice(coalition: Coalition, world: World) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(500), await other.member()
    quotes = [await one.quote(source, other, destination, send=100) for _ in range(8)]
    answers = await asyncio.gather(*[one.execute(quote) for quote in quotes], return_exceptions=True)
    assert sum(isinstance(answer, res.Exchange) for answer in answers) == 5
    assert (await one.posted(source), await other.posted(destination)) == (0, 250)
    [position] = await coalition.positions()
    assert (position.exchange_count, position.debited_amount, position.received_amount) == (5, 500, 250)
    await world.verify()


async def test_an_expired_quote_is_refused(coalition: Coalition, clock: Path) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member()
    quote = await one.quote(source, other, destination, send=10)
    set_offset(clock, timedelta(minutes=15, seconds=1))
    try:
        with pytest.raises(RefusedError) as refused:
            await one.execute(quote)
    finally:
        set_offset(clock, timedelta())
    assert refused.value.reason == "QUOTE_EXPIRED"
    assert await one.posted(source) == 100


async def test_a_quote_of_a_replaced_book_is_refused(coalition: Coalition) -> None:
    """Two books cannot be played against each other, though each alone is safe."""
    one, other = await coalition.pair("1/2", "2")
    source, destination = await one.member(100), await other.member()
    quote = await one.quote(source, other, destination, send=10)
    await coalition.publish(one.to(other, "1/4"), other.to(one, "2"))
    with pytest.raises(RefusedError) as refused:
        await one.execute(quote)
    assert refused.value.reason == "QUOTE_EXPIRED"
    assert await one.posted(source) == 100


async def test_received_points_expire_with_their_source_or_by_the_receivers_policy(coalition: Coalition) -> None:
    one, other = await coalition.brand(), await coalition.brand(lifetime_days=30)
    await coalition.publish(one.to(other, "1/2"), other.to(one, "2"))
    now = datetime.now(UTC).replace(microsecond=0)
    soon = now + timedelta(days=10)
    source, destination = await one.member(100, expire=soon), await other.member()
    await one.earn(source, 100, expire=now + timedelta(days=90))
    await one.earn(source, 100)
    await one.execute(await one.quote(source, other, destination, send=300))
    buckets = [
        (bucket.expire_time.ToDatetime(tzinfo=UTC), bucket.amount)
        for bucket in (await other.balance(destination)).expiries
    ]
    assert [amount for _, amount in buckets] == [50, 100]
    assert buckets[0][0] == soon
    assert timedelta() <= buckets[1][0] - now - timedelta(days=30) < timedelta(minutes=1)
    # And a round trip never makes them younger.
    await other.execute(await other.quote(destination, one, source, send=150))
    returned = [
        (bucket.expire_time.ToDatetime(tzinfo=UTC), bucket.amount) for bucket in (await one.balance(source)).expiries
    ]
    assert returned == [(soon, 100), (buckets[1][0], 200)]


async def test_both_partners_see_an_exchange_and_neither_the_others_member(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    third = await coalition.brand()
    source, destination = await one.member(100), await other.member()
    sent = await one.execute(await one.quote(source, other, destination, send=100))
    assert (sent.source_account, sent.destination_account) == (source, destination)
    assert sent.transaction.startswith(f"{one.program}/transactions/")
    [received] = await other.exchanges()
    assert received.name == sent.name.replace(one.name, other.name)
    assert (received.source_account, received.transaction) == ("", "")
    assert (received.destination_account, received.received_amount) == (destination, 50)
    assert await other.exchange(received.name) == received
    assert await one.exchange(sent.name) == sent
    for stranger, name in ((third, sent.name), (third, sent.name.replace(one.name, third.name))):
        with pytest.raises(NotFoundError):
            await stranger.exchange(name)


async def test_a_quote_is_its_senders_to_execute(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    quote = await one.quote(await one.member(100), other, await other.member(), send=100)
    for name in (quote.name, quote.name.replace(one.name, other.name)):
        with pytest.raises(NotFoundError):
            await other.execute(name)


async def test_exchanges_are_listed_newest_first_page_by_page(coalition: Coalition) -> None:
    one, other = await coalition.pair()
    source, destination = await one.member(100), await other.member(100)

    async def send(sender: Brand, receiver: Brand, accounts: tuple[str, str]) -> str:
        done = await sender.execute(await sender.quote(accounts[0], receiver, accounts[1], send=10))
        return done.name.rpartition("/")[2]

    made = [await send(one, other, (source, destination)) for _ in range(3)]
    made.append(await send(other, one, (destination, source)))
    seen: list[str] = []
    token = ""
    while True:
        page = await one.own.coalition.ListExchanges(
            pb.ListExchangesRequest(parent=one.name, page_size=3, page_token=token)
        )
        seen += [exchange.name.rpartition("/")[2] for exchange in page.exchanges]
        token = page.next_page_token
        if not token:
            break
    assert seen == made[::-1]
    with pytest.raises(InvalidRequestError):
        await one.own.coalition.ListExchanges(pb.ListExchangesRequest(parent=one.name, page_token="elsewhere"))
