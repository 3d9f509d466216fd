"""Killed while it sends, partner exchange sends again; asked to end, it ends its streams."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from guerdon import UnavailableError
from guerdon.exchange.v1 import webhooks_pb2 as pb
from guerdon_kit.clock import set_offset
from guerdon_kit.testing import ServiceFactory, wait_until
from tests.contract.partner_exchange.hooks import believed, ended, listen, ok, taken
from tests.contract.partner_exchange.world import Coalition
from tests.contract.rewards_catalog.counterparty import counterparty
from tests.integration.partner_exchange.conftest import Fallible

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]


async def test_a_webhook_that_was_cut_short_is_sent_again_and_a_stream_ends_with_its_process(
    fallible: Fallible, coalition: Coalition, fallible_services: ServiceFactory
) -> None:
    brand = await coalition.brand()
    async with counterparty() as partner:
        secret = await listen(brand, partner.url)
        partner.answer = lambda _asked: fallible.exchange.process.kill()
        await coalition.move(brand, suspend=True)
        [cut_short] = await taken(partner)
        await wait_until(lambda: not fallible.exchange.process.running)
        partner.answer = ok
        await asyncio.to_thread(fallible.exchange.process.restart)
        set_offset(fallible_services.clock_file, timedelta(minutes=1))
        assert (await ended(brand, attempts=2)).state == pb.WEBHOOK_DELIVERY_STATE_DELIVERED
        again = partner.asked[1]
        set_offset(fallible_services.clock_file, timedelta())
    assert (again.headers["webhook-id"], again.body) == (cut_short.headers["webhook-id"], cut_short.body)
    believed(cut_short, secret)

    call = brand.own.coalition.StreamEvents(pb.StreamEventsRequest(parent=brand.name))
    told = aiter(call)
    assert (await anext(told)).events
    stopping = asyncio.create_task(asyncio.to_thread(fallible.exchange.process.stop))
    with pytest.raises(UnavailableError):
        async for _ in told:
            pass
    await stopping
    await asyncio.to_thread(fallible.exchange.process.restart)
