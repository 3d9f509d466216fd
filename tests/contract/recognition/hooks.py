"""An organisation's own address for webhooks, and what it reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guerdon import new_request_id
from guerdon.recognition.v1 import webhooks_pb2 as pb
from tests.contract.recognition.world import Employer


async def listen(employer: Employer, url: str) -> str:
    """Has an organisation's webhooks sent to an address; its secret, if it is the first."""
    request = pb.SetWebhookEndpointRequest(parent=employer.name, url=url, request_id=new_request_id())
    return (await employer.admin.webhooks.SetWebhookEndpoint(request)).secret


async def rotate(employer: Employer) -> str:
    """A new secret."""
    request = pb.RotateWebhookSecretRequest(parent=employer.name, request_id=new_request_id())
    return (await employer.admin.webhooks.RotateWebhookSecret(request)).secret


async def replay(employer: Employer, **which: Any) -> int:
    """Has webhooks sent again."""
    request = pb.ReplayWebhooksRequest(parent=employer.name, request_id=new_request_id(), **which)
    return (await employer.admin.webhooks.ReplayWebhooks(request)).event_count


async def endpoint(employer: Employer) -> pb.WebhookEndpoint:
    """Where they go now."""
    request = pb.GetWebhookEndpointRequest(parent=employer.name)
    return (await employer.admin.webhooks.GetWebhookEndpoint(request)).webhook_endpoint


async def deliveries(employer: Employer, **more: Any) -> Sequence[pb.WebhookDelivery]:
    """What became of the organisation's webhooks."""
    request = pb.ListWebhookDeliveriesRequest(parent=employer.name, page_size=1000, **more)
    return (await employer.admin.webhooks.ListWebhookDeliveries(request)).webhook_deliveries
