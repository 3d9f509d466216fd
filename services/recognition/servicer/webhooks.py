"""Webhooks: proto in, operation, proto out."""

from __future__ import annotations

from uuid import UUID

from guerdon.recognition.v1 import webhooks_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.webhooks.endpoints import WebhookEndpoints
from guerdon_kit.webhooks.rules import Delivery, DeliveryState, DisableReason, Endpoint, EndpointState
from recognition.servicer.naming import ORGANISATION, tell_replay

_NEWEST = 2**63 - 1
_ENDPOINT_STATES = {
    EndpointState.ENABLED: pb.WEBHOOK_ENDPOINT_STATE_ENABLED,
    EndpointState.DISABLED: pb.WEBHOOK_ENDPOINT_STATE_DISABLED,
}
_DISABLE_REASONS = {None: "", DisableReason.GONE: "GONE", DisableReason.BY_OWNER: "BY_ORGANISATION"}
_STATES = {
    DeliveryState.PENDING: pb.WEBHOOK_DELIVERY_STATE_PENDING,
    DeliveryState.DELIVERED: pb.WEBHOOK_DELIVERY_STATE_DELIVERED,
    DeliveryState.FAILED: pb.WEBHOOK_DELIVERY_STATE_FAILED,
}
_ASKED_STATES = {pb.WEBHOOK_DELIVERY_STATE_UNSPECIFIED: None, **{value: state for state, value in _STATES.items()}}


class WebhookServicer:
    """`guerdon.recognition.v1.WebhookService`."""

    service = pb.DESCRIPTOR.services_by_name["WebhookService"]

    def __init__(self, webhooks: WebhookEndpoints) -> None:
        self._webhooks = webhooks

    async def set_webhook_endpoint(
        self, request: pb.SetWebhookEndpointRequest, call: CallContext
    ) -> pb.SetWebhookEndpointResponse:
        """Says where webhooks go."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        made, secret, replayed = await self._webhooks.put(
            Fingerprint.of(call, request, request.parent), organisation, request.url, call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.SetWebhookEndpointResponse(webhook_endpoint=_endpoint(made), secret=secret)

    async def get_webhook_endpoint(
        self, request: pb.GetWebhookEndpointRequest, _call: CallContext
    ) -> pb.GetWebhookEndpointResponse:
        """Reads where webhooks go."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        return pb.GetWebhookEndpointResponse(webhook_endpoint=_endpoint(await self._webhooks.get(organisation)))

    async def disable_webhook_endpoint(
        self, request: pb.DisableWebhookEndpointRequest, call: CallContext
    ) -> pb.DisableWebhookEndpointResponse:
        """Stops webhooks."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        now, replayed = await self._webhooks.disable(Fingerprint.of(call, request, request.parent), organisation)
        tell_replay(call, replayed)
        return pb.DisableWebhookEndpointResponse(webhook_endpoint=_endpoint(now))

    async def rotate_webhook_secret(
        self, request: pb.RotateWebhookSecretRequest, call: CallContext
    ) -> pb.RotateWebhookSecretResponse:
        """Makes a new secret."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        now, secret, replayed = await self._webhooks.rotate(Fingerprint.of(call, request, request.parent), organisation)
        tell_replay(call, replayed)
        return pb.RotateWebhookSecretResponse(webhook_endpoint=_endpoint(now), secret=secret)

    async def list_webhook_deliveries(
        self, request: pb.ListWebhookDeliveriesRequest, call: CallContext
    ) -> pb.ListWebhookDeliveriesResponse:
        """Reads what became of webhooks."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        if request.state not in _ASKED_STATES:
            raise InvalidField.of("state", "must be one of the values that the contract names")
        size = pages.page_size(request.page_size)
        query = (call.method, request.parent, str(request.state))
        before = int(pages.read_token(request.page_token, query, (int,))[0]) if request.page_token else _NEWEST
        found = await self._webhooks.deliveries(organisation, _ASKED_STATES[request.state], before, size + 1)
        answer = pb.ListWebhookDeliveriesResponse(webhook_deliveries=map(_delivery, found[:size]))
        if len(found) > size:
            answer.next_page_token = pages.write_token(query, (found[size - 1].event,))
        return answer

    async def replay_webhooks(self, request: pb.ReplayWebhooksRequest, call: CallContext) -> pb.ReplayWebhooksResponse:
        """Has webhooks sent again."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        if request.WhichOneof("events") is None:
            raise InvalidField.of("events", "must be a time, or the id of one event")
        count, replayed = await self._webhooks.replay(
            Fingerprint.of(call, request, request.parent),
            organisation,
            instant(request.from_time, "from_time") if request.HasField("from_time") else None,
            _event_id(request.event_id) if request.HasField("event_id") else None,
        )
        tell_replay(call, replayed)
        return pb.ReplayWebhooksResponse(event_count=count)


def _event_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidField.of("event_id", "is not the id of an event") from None


def _endpoint(kept: Endpoint) -> pb.WebhookEndpoint:
    return pb.WebhookEndpoint(
        organisation=f"organisations/{kept.owner}",
        url=kept.url,
        state=_ENDPOINT_STATES[kept.state],
        disable_reason=_DISABLE_REASONS[kept.disable_reason],
        set_time=timestamp(kept.set_time),
        secret_create_time=timestamp(kept.secret_create_time),
    )


def _delivery(kept: Delivery) -> pb.WebhookDelivery:
    return pb.WebhookDelivery(
        event_id=kept.event_id,
        type=kept.type,
        event_time=timestamp(kept.event_time),
        state=_STATES[kept.state],
        attempt_count=kept.attempts,
        last_attempt_time=None if kept.last_time is None else timestamp(kept.last_time),
        last_status=kept.last_status or 0,
        last_failure=kept.last_failure or "",
        next_attempt_time=None if kept.due_time is None else timestamp(kept.due_time),
    )
