"""Webhooks: each partner is told of its own, signed, until it takes them, and nobody waits for somebody slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import WebhookVerificationError

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.exchange.v1 import webhooks_pb2 as pb
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.hooks import (
    COMMITTED,
    RESUMED,
    SUSPENDED,
    believed,
    deliveries,
    ended,
    endpoint,
    events,
    listen,
    ok,
    replay,
    rotate,
    said,
    suspend_and_resume,
    taken,
)
from tests.contract.partner_exchange.world import Coalition
from tests.contract.rewards_catalog.counterparty import Counterparty, counterparty

DELIVERED, PENDING = pb.WEBHOOK_DELIVERY_STATE_DELIVERED, pb.WEBHOOK_DELIVERY_STATE_PENDING


@pytest.fixture
async def partner() -> AsyncIterator[Counterparty]:
    """What listens at a brand's address, and takes what comes."""
    async with counterparty() as made:
        made.answer = ok
        yield made


@pytest.fixture
def clock(exchange_services: ServiceFactory) -> Iterator[Path]:
    yield exchange_services.clock_file
    set_offset(exchange_services.clock_file, timedelta())


async def test_both_sides_of_an_exchange_are_told_each_in_its_own_words(
    coalition: Coalition, partner: Counterparty
) -> None:
    one, other = await coalition.pair("1/2", "2")
    [book] = await events(one, 1)
    assert book.type == "guerdon.exchange.v1.rate_book_published"
    secret = await listen(one, partner.url)
    done = await one.execute(await one.quote(await one.member(100), other, await other.member(), send=100))
    [asked] = await taken(partner)
    believed(asked, secret)
    told = said(asked)
    assert told["type"] == COMMITTED
    assert told["data"] == {
        "exchange": done.name,
        "sender": one.name,
        "receiver": other.name,
        "debited_amount": 100,
        "received_amount": 50,
    }
    [_, mine], [_, theirs] = await events(one, 2), await events(other, 2)
    assert asked.headers["webhook-id"] == mine.event_id == theirs.event_id
    assert mine.payload == asked.body
    assert f"{other.name}/exchanges/".encode() in theirs.payload
    assert one.name + "/exchanges/" not in theirs.payload.decode()
    delivery = await ended(one)
    assert (delivery.event_id, delivery.state, delivery.last_status) == (mine.event_id, DELIVERED, 204)
    assert not delivery.HasField("next_attempt_time")
    assert not await deliveries(other)  # it has set no endpoint


async def test_while_a_secret_is_replaced_both_sign_and_the_one_before_them_does_not(
    coalition: Coalition, partner: Counterparty
) -> None:
    brand = await coalition.brand()
    first = await listen(brand, partner.url)
    assert await listen(brand, partner.url) == ""  # only the first comes with the endpoint
    second = await rotate(brand)
    await coalition.move(brand, suspend=True)
    await coalition.move(brand, suspend=False)
    third = await rotate(brand)
    for asked in await taken(partner, 2):
        believed(asked, second)
    await replay(brand, event_id=(await ended(brand)).event_id)
    again = (await taken(partner, 3))[2]
    believed(again, second)
    believed(again, third)
    with pytest.raises(WebhookVerificationError):
        believed(again, first)


async def test_the_same_request_again_answers_the_same_secret(coalition: Coalition, partner: Counterparty) -> None:
    brand = await coalition.brand()
    request = pb.SetWebhookEndpointRequest(parent=brand.name, url=partner.url, request_id="listen")
    made = await brand.own.coalition.SetWebhookEndpoint(request)
    call = brand.own.coalition.SetWebhookEndpoint(request)
    assert await call == made
    assert await was_replayed(call)
    assert made.secret.startswith("whsec_")


async def test_what_is_not_taken_is_sent_again_under_the_same_id_when_its_time_comes(
    coalition: Coalition, partner: Counterparty, clock: Path
) -> None:
    brand = await coalition.brand()
    await listen(brand, partner.url)
    partner.answer = lambda _asked: (500, b"")
    await coalition.move(brand, suspend=True)
    failed = await ended(brand)
    assert (failed.state, failed.last_status, failed.last_failure) == (PENDING, 500, "STATUS")
    waits_s = (failed.next_attempt_time.ToDatetime() - failed.last_attempt_time.ToDatetime()).total_seconds()
    assert 5 <= waits_s < 15  # five seconds and a tenth, and what the attempt took
    partner.answer = lambda _asked: None  # hangs up
    set_offset(clock, timedelta(seconds=10))
    failed = await ended(brand, attempts=2)
    assert (failed.state, failed.last_status, failed.last_failure) == (PENDING, 0, "NO_ANSWER")
    partner.answer = ok
    set_offset(clock, timedelta(minutes=6))
    assert (await ended(brand, attempts=3)).state == DELIVERED
    assert len({asked.headers["webhook-id"] for asked in partner.asked}) == 1
    assert len({asked.body for asked in partner.asked}) == 1
    assert len(partner.asked) == 3


async def test_gone_disables_and_what_waits_is_sent_where_the_partner_then_says(
    coalition: Coalition, partner: Counterparty, clock: Path
) -> None:
    brand = await coalition.brand()
    await listen(brand, partner.url)
    partner.answer = lambda _asked: (410, b"")
    await coalition.move(brand, suspend=True)
    await ended(brand)
    now = await endpoint(brand)
    assert (now.state, now.disable_reason) == (pb.WEBHOOK_ENDPOINT_STATE_DISABLED, "GONE")
    await coalition.move(brand, suspend=False)
    told = await events(brand, 3)
    assert [event.type for event in told] == [
        SUSPENDED,
        "guerdon.exchange.v1.webhook_endpoint_disabled",
        RESUMED,
    ]
    with pytest.raises(RefusedError) as refused:
        await replay(brand, event_id=told[0].event_id)
    assert refused.value.reason == "WEBHOOKS_DISABLED"
    async with counterparty() as elsewhere:
        elsewhere.answer = ok
        await listen(brand, elsewhere.url)
        set_offset(clock, timedelta(seconds=30))
        [asked] = await taken(elsewhere)
        assert asked.headers["webhook-id"] == told[0].event_id
        # What happened while it was disabled comes only when it is asked for.
        assert await replay(brand, event_id=told[2].event_id) == 1
        assert said((await taken(elsewhere, 2))[1])["type"] == RESUMED
    assert len(partner.asked) == 1


async def test_webhooks_are_replayed_from_a_time_on(coalition: Coalition, partner: Counterparty) -> None:
    brand = await coalition.brand()
    await suspend_and_resume(coalition, brand)
    told = await events(brand, 2)
    await listen(brand, partner.url)
    assert await replay(brand, from_time=told[0].create_time) == 2
    await taken(partner, 2)
    assert await replay(brand, from_time=told[1].create_time) == 1
    ids = [asked.headers["webhook-id"] for asked in await taken(partner, 3)]
    assert sorted(ids) == sorted([told[0].event_id, told[1].event_id, told[1].event_id])


async def test_no_redirect_is_followed(coalition: Coalition, partner: Counterparty) -> None:
    brand = await coalition.brand()
    async with _raw(b"HTTP/1.1 307 X\r\nlocation: " + partner.url.encode() + b"\r\ncontent-length: 0\r\n\r\n") as url:
        await listen(brand, url)
        await coalition.move(brand, suspend=True)
        failed = await ended(brand)
    assert (failed.last_status, failed.last_failure) == (307, "STATUS")
    assert not partner.asked


async def test_an_endpoint_that_does_not_answer_keeps_nobody_waiting_and_gets_four_at_once(
    coalition: Coalition, partner: Counterparty
) -> None:
    slow, quick = await coalition.brand(), await coalition.brand()
    open_: set[object] = set()
    async with _raw(None, open_) as url:
        await listen(slow, url)
        await listen(quick, partner.url)
        for _ in range(3):
            await suspend_and_resume(coalition, slow)
        await wait_until(lambda: len(open_) == 4)
        await suspend_and_resume(coalition, quick)
        await taken(partner, 2)
        under_way = [delivery for delivery in await deliveries(slow) if delivery.attempt_count]
        assert (len(open_), len(under_way)) == (4, 4)
        await slow.own.coalition.DisableWebhookEndpoint(
            pb.DisableWebhookEndpointRequest(parent=slow.name, request_id=new_request_id())
        )


async def test_deliveries_are_listed_in_pages_newest_first_and_by_state(
    coalition: Coalition, partner: Counterparty
) -> None:
    brand = await coalition.brand()
    await listen(brand, partner.url)
    await suspend_and_resume(coalition, brand)
    await suspend_and_resume(coalition, brand)
    await taken(partner, 4)
    told = [event.event_id for event in await events(brand, 4)]

    async def all_delivered() -> bool:
        return len(await deliveries(brand, state=DELIVERED)) == 4

    await wait_until(all_delivered)
    first = await brand.own.coalition.ListWebhookDeliveries(
        pb.ListWebhookDeliveriesRequest(parent=brand.name, page_size=3)
    )
    rest = await deliveries(brand, page_size=3, page_token=first.next_page_token)
    assert [one.event_id for one in (*first.webhook_deliveries, *rest)] == told[::-1]
    assert not await deliveries(brand, state=PENDING)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://user:pass@127.0.0.1/", "not an address", "http://x/#y"])
async def test_an_address_that_is_none_is_refused(coalition: Coalition, url: str) -> None:
    brand = await coalition.brand()
    with pytest.raises(InvalidRequestError):
        await listen(brand, url)
    with pytest.raises(NotFoundError):
        await endpoint(brand)


async def test_a_partners_webhooks_are_nobody_elses(coalition: Coalition, partner: Counterparty) -> None:
    brand, other = await coalition.brand(), await coalition.brand()
    await listen(brand, partner.url)
    api = other.own.coalition
    for call in (
        api.GetWebhookEndpoint(pb.GetWebhookEndpointRequest(parent=brand.name)),
        api.ListWebhookDeliveries(pb.ListWebhookDeliveriesRequest(parent=brand.name)),
        api.RotateWebhookSecret(pb.RotateWebhookSecretRequest(parent=brand.name, request_id="theirs")),
        api.SetWebhookEndpoint(
            pb.SetWebhookEndpointRequest(parent=brand.name, url=partner.url, request_id="theirs-too")
        ),
    ):
        with pytest.raises(NotFoundError):
            await call
    # A suspended one reads, and changes nothing: by a token that was not seen before, this is so at once.
    await coalition.move(brand, suspend=True)
    fresh = coalition.world.client(coalition.world.exchange, brand.token()).coalition
    with pytest.raises(GuerdonError) as refused:
        await fresh.RotateWebhookSecret(pb.RotateWebhookSecretRequest(parent=brand.name, request_id="suspended"))
    assert refused.value.reason == "SCOPE_REQUIRED"
    read = await fresh.GetWebhookEndpoint(pb.GetWebhookEndpointRequest(parent=brand.name))
    assert read.webhook_endpoint.url == partner.url


@asynccontextmanager
async def _raw(answer: bytes | None, open_: set[object] | None = None) -> AsyncIterator[str]:
    """Something that listens and answers so; with None it never does, and `open_` has who waits for it."""
    waiting: set[object] = set() if open_ is None else open_
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        waiting.add(writer)
        if answer is None:
            await done.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    finally:
        done.set()
        server.close()
