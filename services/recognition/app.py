"""The composition root: the only file that knows every part."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit.events import Outbox, Relay
from guerdon_kit.postgres import requests
from guerdon_kit.saga import Records, RecoveryLoop
from guerdon_kit.service import Job, Kit, Parts
from recognition.clients.ledger import Ledger
from recognition.config import Settings
from recognition.jobs.allowances import grant_allowances
from recognition.operations.giving import Giving
from recognition.operations.granting import Granting
from recognition.operations.organisations import Organisations
from recognition.operations.people import People
from recognition.operations.viewing import Viewing
from recognition.servicer import RecognitionServicer
from recognition.store import recognitions


async def compose(kit: Kit[Settings]) -> Parts:
    """Brings the parts together."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    lease = timedelta(seconds=settings.lease_s)
    remote = kit.remote("ledger", settings.ledger_target, Ledger.service)
    ledger = Ledger(remote, timedelta(seconds=settings.ledger_timeout_s))
    granting = Granting(database, ledger, clock, lease)
    giving = Giving(database, ledger, clock, lease)
    servicer = RecognitionServicer(
        clock=clock,
        organisations=Organisations(database, ledger),
        people=People(database, ledger, clock),
        granting=granting,
        giving=giving,
        viewing=Viewing(database),
    )
    recovery = RecoveryLoop(
        "recognitions",
        database,
        clock,
        Records(recognitions.claim, recognitions.put_off),
        lambda key: giving.carry_out(key.organisation, key.recognition),
        poll=timedelta(seconds=settings.recovery_poll_s),
        lease=lease,
    )
    outbox = Outbox("recognition")
    relay = Relay(database, kit.events_redis(), outbox)
    granting_job = partial(grant_allowances, granting, timedelta(seconds=settings.allowance_poll_s))
    request_keep, event_keep = timedelta(days=settings.request_keep_days), timedelta(days=settings.event_keep_days)
    return Parts(
        servicers=[servicer],
        jobs=[
            Job("allowances", granting_job),
            Job("recovery", recovery.run),
            Job("relay", relay.run),
            Job("prune_requests", partial(requests.pruning, database, request_keep)),
            Job("prune_events", partial(outbox.pruning, database, event_keep)),
        ],
    )
