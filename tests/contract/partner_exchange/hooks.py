"""A partner's own address for webhooks, and what it reads of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from standardwebhooks import Webhook

from guerdon import new_request_id
from guerdon.exchange.v1 import webhooks_pb2 as pb
from guerdon_kit.testing import wait_until
from tests.contract.partner_exchange.world import Brand, Coalition
from tests.contract.rewards_catalog.counterparty import Asked, Counterparty

COMMITTED = "guerdon.exchange.v1.exchange_committed"
JOINED = ["guerdon.exchange.v1.partner_sandbox_started", "guerdon.exchange.v1.partner_launched"]
SUSPENDED, RESUMED = "guerdon.exchange.v1.partner_suspended", "guerdon.exchange.v1.partner_resumed"


async def listen(brand: Brand, url: str) -> str:
    """Has a brand's webhooks sent to an address, once it was told that it joined; its secret, if it is the first."""
    await events(brand, 0)
    request = pb.SetWebhookEndpointRequest(parent=brand.name, url=url, request_id=new_request_id())
    return (await brand.own.coalition.SetWebhookEndpoint(request)).secret


async def streamed(brand: Brand, most: int, cursor: str = "") -> list[pb.StreamEventsResponse]:
    """What a stream says from a cursor on, until it has told so many events; its first message for 0."""
    said: list[pb.StreamEventsResponse] = []
    call = brand.own.coalition.StreamEvents(pb.StreamEventsRequest(parent=brand.name, cursor=cursor))
    try:
        async for answer in call:
            said.append(answer)
            if sum(len(one.events) for one in said) >= most:
                break
    finally:
        call.cancel()
    return said


async def events(brand: Brand, most: int) -> list[pb.PartnerEvent]:
    """A brand's events since it joined, once there are so many."""
    told = [event for answer in await streamed(brand, len(JOINED) + most) for event in answer.events]
    assert [event.type for event in told[: len(JOINED)]] == JOINED
    return told[len(JOINED) :]


async def endpoint(brand: Brand) -> pb.WebhookEndpoint:
    """Where they go now."""
    request = pb.GetWebhookEndpointRequest(parent=brand.name)
    return (await brand.own.coalition.GetWebhookEndpoint(request)).webhook_endpoint


async def rotate(brand: Brand) -> str:
    """A new secret."""
    request = pb.RotateWebhookSecretRequest(parent=brand.name, request_id=new_request_id())
    return (await brand.own.coalition.RotateWebhookSecret(request)).secret


async def deliveries(brand: Brand, **more: Any) -> Sequence[pb.WebhookDelivery]:
    """What became of the brand's webhooks."""
    request = pb.ListWebhookDeliveriesRequest(parent=brand.name, **more)
    return (await brand.own.coalition.ListWebhookDeliveries(request)).webhook_deliveries


async def ended(brand: Brand, attempts: int = 1) -> pb.WebhookDelivery:
    """The brand's newest delivery, once so many attempts of it are over."""

    async def over() -> pb.WebhookDelivery | None:
        found = [one for one in await deliveries(brand) if one.attempt_count == attempts and _answered(one)]
        return found[0] if found else None

    got = await wait_until(over)
    assert got is not None
    return got


def _answered(delivery: pb.WebhookDelivery) -> bool:
    return delivery.state != pb.WEBHOOK_DELIVERY_STATE_PENDING or bool(delivery.last_failure)


async def replay(brand: Brand, **which: Any) -> int:
    """Has webhooks sent again."""
    request = pb.ReplayWebhooksRequest(parent=brand.name, request_id=new_request_id(), **which)
    return (await brand.own.coalition.ReplayWebhooks(request)).event_count


async def suspend_and_resume(coalition: Coalition, brand: Brand) -> None:
    """Two events of the brand."""
    await coalition.move(brand, suspend=True)
    await coalition.move(brand, suspend=False)


async def taken(partner: Counterparty, most: int = 1) -> list[Asked]:
    """The webhooks that came, once there are so many."""
    await wait_until(lambda: len(partner.asked) >= most)
    return partner.asked


def ok(_asked: Asked) -> tuple[int, bytes]:
    """The answer of whoever takes webhooks."""
    return 204, b""


def said(asked: Asked) -> Any:
    """What a webhook says."""
    return json.loads(asked.body)


def believed(asked: Asked, secret: str) -> None:
    """Has the published library check the signature; it raises where it is not right."""
    Webhook(secret).verify(asked.body, asked.headers)
