"""Carrying out what a crash or a silent ledger left PENDING."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from recognition.domain.changes import ChangeKey
from recognition.operations.changing import Changing
from recognition.operations.importing import Importing
from recognition.store import changes, imports


def recovery(
    database: Database, clock: Clock, changing: Changing, poll: timedelta, lease: timedelta
) -> RecoveryLoop[ChangeKey]:
    """The loop over the changes of recognitions that are due."""
    return RecoveryLoop(
        "recognitions",
        database,
        clock,
        Records(changes.claim, changes.put_off),
        changing.carry_out,
        poll=poll,
        lease=lease,
        most_delay=timedelta(minutes=1),
    )


def import_recovery(
    database: Database, clock: Clock, importing: Importing, poll: timedelta, lease: timedelta
) -> RecoveryLoop[imports.Key]:
    """The loop over the chunks of imported recognitions that are due."""
    return RecoveryLoop(
        "imports",
        database,
        clock,
        Records(imports.claim, imports.put_off),
        importing.carry_out,
        poll=poll,
        lease=lease,
        most=2,
        most_delay=timedelta(minutes=1),
    )
