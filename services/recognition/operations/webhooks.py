"""Tells organisations of what happened to their public recognitions: the service's own events, which tell of no others.

They come from the stream, so that who publishes an event needs to know nothing of endpoints. When a recognition is not
public any more, this is told of it, and nothing that was said before is sent again, or still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guerdon_kit.clock import Clock
from guerdon_kit.errors import NotFound
from guerdon_kit.events import CloudEvent
from guerdon_kit.events.consumer import Together
from guerdon_kit.postgres import Connection
from guerdon_kit.webhooks.owners import Owners
from guerdon_kit.webhooks.rules import payload
from guerdon_kit.webhooks.told import Message, tell
from recognition.operations.telling import PREFIX, TAKEN_BACK, TYPES
from recognition.store import organisations
from recognition.store.webhooks import forget


class Webhooks:
    """The handlers of the consumer that tells organisations."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def handlers(self) -> Mapping[str, Together]:
        """By type of event: all by one handler, which takes those that follow each other at once."""
        return dict.fromkeys(TYPES, Together(self._tell))

    async def _tell(self, connection: Connection, events: Sequence[CloudEvent]) -> None:
        taken_back = {event.key: place for place, event in enumerate(events) if event.type in TAKEN_BACK}
        if taken_back:
            await forget(connection, {_organisation(name) for name in taken_back}, taken_back)
        messages = [_message(event) for place, event in enumerate(events) if place >= taken_back.get(event.key, 0)]
        await tell(connection, messages, self._clock.now())


def _message(event: CloudEvent) -> Message:
    words = payload(event.type, event.time, {"recognition": event.key, **event.data})
    return Message(_organisation(event.key), event.id, event.type, event.time, words)


def _organisation(recognition: str) -> str:
    return recognition.split("/")[1]


async def _lock(connection: Connection, organisation: str) -> None:
    if await organisations.lock(connection, organisation) is None:
        raise NotFound(f"organisations/{organisation}")


ORGANISATIONS = Owners("organisations", f"{PREFIX}webhook_endpoint_disabled", _lock)
"""Whose the endpoints of webhooks are."""
