"""The recovery loops: they bring to the ledger what a crash, or a ledger that was away, left behind."""

from __future__ import annotations

from guerdon_kit.clock import Clock
from guerdon_kit.postgres import Database
from guerdon_kit.saga import Records, RecoveryLoop
from membership.operations.deliveries import Deliveries
from membership.operations.endings import Endings
from membership.operations.merging import Merging
from membership.operations.reminders import Reminders
from membership.operations.returns import Returns
from membership.operations.sliding import Sliding
from membership.store import deliveries as delivery_store
from membership.store import endings as ending_store
from membership.store import expiry_watches, slides
from membership.store import merges as merge_store
from membership.store import waiting_returns as waiting_store


def recovery(database: Database, clock: Clock, deliveries: Deliveries) -> RecoveryLoop[int]:
    """The loop over deliveries that are due."""
    records = Records(delivery_store.claim, delivery_store.put_off)
    return RecoveryLoop("deliveries", database, clock, records, deliveries.advance)


def ending(database: Database, clock: Clock, endings: Endings) -> RecoveryLoop[int]:
    """The loop over endings that are due."""
    records = Records(ending_store.claim, ending_store.put_off)
    return RecoveryLoop("endings", database, clock, records, endings.advance)


def merging(database: Database, clock: Clock, merges: Merging) -> RecoveryLoop[int]:
    """The loop over merges that are due: those with something to move, and those to be looked at again."""
    records = Records(merge_store.claim, merge_store.put_off)
    return RecoveryLoop("merges", database, clock, records, merges.advance)


def extending(database: Database, clock: Clock, service: Sliding) -> RecoveryLoop[int]:
    """The loop over members whose points are kept for longer than the ledger knows."""
    return RecoveryLoop("slides", database, clock, Records(slides.claim, slides.put_off), service.advance)


def reminding(database: Database, clock: Clock, service: Reminders) -> RecoveryLoop[int]:
    """The loop over members whose points may expire soon."""
    records = Records(expiry_watches.claim, expiry_watches.put_off)
    return RecoveryLoop("reminders", database, clock, records, service.advance)


def waiting_returns(database: Database, clock: Clock, returns: Returns) -> RecoveryLoop[waiting_store.Key]:
    """The loop over returns that came before their purchase."""
    records = Records(waiting_store.claim, waiting_store.put_off)
    return RecoveryLoop("returns", database, clock, records, returns.advance)
