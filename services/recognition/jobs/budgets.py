"""Carrying out what a crash or a silent ledger left of disbursements, and of terms that the ledger is to be told."""

from __future__ import annotations

from datetime import timedelta

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from recognition.operations.budgets import Budgets
from recognition.operations.disbursing import Disbursements
from recognition.store import budgets, disbursements

_MOST_DELAY = timedelta(minutes=1)


def disbursing(
    database: Database, clock: Clock, operations: Disbursements, poll: timedelta, lease: timedelta
) -> RecoveryLoop[disbursements.Key]:
    """The loop over the disbursements that are due."""
    return RecoveryLoop(
        "disbursements",
        database,
        clock,
        Records(disbursements.claim, disbursements.put_off),
        operations.carry_out,
        poll=poll,
        lease=lease,
        most_delay=_MOST_DELAY,
    )


def telling_terms(
    database: Database, clock: Clock, operations: Budgets, poll: timedelta, lease: timedelta
) -> RecoveryLoop[str]:
    """The loop over the terms that the ledger is to be told."""
    return RecoveryLoop(
        "budget_terms",
        database,
        clock,
        Records(budgets.claim, budgets.put_off),
        operations.tell,
        poll=poll,
        lease=lease,
        most_delay=_MOST_DELAY,
    )
