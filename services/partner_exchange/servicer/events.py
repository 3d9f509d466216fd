"""The partners' RPC about their events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

from guerdon.exchange.v1 import webhooks_pb2 as pb
from guerdon_kit import pages
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.names import parse
from partner_exchange.operations.event_streams import Cursor, EventStreams
from partner_exchange.servicer.reading import PARTNER


class EventRpcs:
    """What `guerdon.exchange.v1.CoalitionService` does with events."""

    def __init__(self, event_streams: EventStreams) -> None:
        self._event_streams = event_streams

    async def stream_events(
        self, request: pb.StreamEventsRequest, call: CallContext
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        """Tells a partner of its events."""
        (partner_id,) = parse(request.parent, PARTNER, "parent")
        query = (call.method, request.parent)
        cursor = _cursor(request.cursor, query) if request.cursor else None
        async with aclosing(self._event_streams.stream(partner_id, cursor)) as told:
            async for events, reached in told:
                yield pb.StreamEventsResponse(
                    events=[
                        pb.PartnerEvent(
                            event_id=event.event_id,
                            type=event.type,
                            create_time=timestamp(event.time),
                            payload=event.payload.encode(),
                        )
                        for event in events
                    ],
                    cursor=pages.write_token(query, (reached.event, int(reached.time.timestamp()))),
                )


def _cursor(token: str, query: tuple[str, ...]) -> Cursor:
    event, seconds = pages.read_token(token, query, (int, int), "cursor")
    try:
        return Cursor(int(event), datetime.fromtimestamp(int(seconds), UTC))
    except (OverflowError, ValueError, OSError):
        raise InvalidField.of("cursor", "is not a cursor of this stream") from None
