"""The jobs that every service with an outbox has: its relay, and the end of what is kept for a time."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit.config import ServiceSettings
from guerdon_kit.events.outbox import Outbox
from guerdon_kit.events.relay import Relay
from guerdon_kit.postgres import requests
from guerdon_kit.service import Job, Kit, Settings


def keep_requests(settings: ServiceSettings) -> timedelta:
    """How long request records are kept."""
    return timedelta(days=settings.requests_keep_days)


def jobs(kit: Kit[Settings]) -> list[Job]:
    """Relays the service's outbox; deletes request records and relayed events whose time is over."""
    outbox = Outbox(kit.name)
    keep_events = timedelta(days=kit.settings.events_keep_days)
    return [
        Job("relay", Relay(kit.database, kit.events_redis(), outbox).run),
        Job("prune-requests", partial(requests.pruning, kit.database, keep_requests(kit.settings))),
        Job("prune-events", partial(outbox.pruning, kit.database, keep_events)),
    ]
