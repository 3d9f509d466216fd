"""What of webhooks a composition root takes in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TypeVar

from guerdon_kit.egress import Egress
from guerdon_kit.events import Consumer
from guerdon_kit.events.consumer import Together, pruning_consumed
from guerdon_kit.sealing import SealingKeys, make_key_file
from guerdon_kit.service import Job, Kit
from guerdon_kit.webhooks.deliveries import Deliveries
from guerdon_kit.webhooks.endpoints import WebhookEndpoints
from guerdon_kit.webhooks.news import News
from guerdon_kit.webhooks.owners import Owners
from guerdon_kit.webhooks.pruning import prune_told
from guerdon_kit.webhooks.sending import send_webhooks
from guerdon_kit.webhooks.settings import WebhookSettings

Settings = TypeVar("Settings", bound=WebhookSettings)


def webhooks(
    kit: Kit[Settings], owners: Owners, handlers: Mapping[str, Together], news: News, keep: timedelta
) -> tuple[WebhookEndpoints, list[Job]]:
    """The owners' endpoints; and the jobs that write down what owners are told of the service's own events, by the
    handlers for their types, send it, and delete it after `keep`.
    """
    settings, database, clock = kit.settings, kit.database, kit.clock
    if settings.development:
        make_key_file(settings.keys_file())
    keys = SealingKeys.read(settings.keys_file())
    private = settings.development or settings.private_webhooks
    egress = Egress(private=private)
    kit.on_close(egress.close)
    deliveries = Deliveries(database, keys, egress, clock, settings.webhook_timeout_s, owners)
    name = f"{kit.name}.{owners.collection}"
    consumer = Consumer(
        database, kit.events_redis(), name=name, service=kit.name, handlers=handlers, worker=str(kit.worker)
    )
    # An event that a stream still has after twice the outbox's time is known by the row that it made.
    known = timedelta(days=2 * settings.events_keep_days)
    jobs = [
        Job(f"tell-{owners.collection}", consumer.run),
        Job("prune-told", partial(pruning_consumed, database, known)),
        Job("prune-told-events", partial(prune_told, database, clock, keep)),
        Job("watch-news", news.watch),
        Job("send-webhooks", partial(send_webhooks, deliveries, news)),
    ]
    return WebhookEndpoints(database, keys, clock, private, owners), jobs
