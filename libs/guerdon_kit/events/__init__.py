"""Events: written beside the state they tell of, relayed to Redis Streams, consumed once in effect."""

from guerdon_kit.events.consumer import Consumer
from guerdon_kit.events.event import CloudEvent, Event
from guerdon_kit.events.outbox import Outbox, publish
from guerdon_kit.events.relay import Relay, Relayed, Source
from guerdon_kit.events.streams import stream_of

__all__ = ["CloudEvent", "Consumer", "Event", "Outbox", "Relay", "Relayed", "Source", "publish", "stream_of"]
