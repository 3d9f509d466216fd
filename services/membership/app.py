"""The composition root of membership: the only file that knows every part."""

from __future__ import annotations

from guerdon_kit import housekeeping
from guerdon_kit.service import Job, Kit, Parts
from membership.clients.ledger import LEDGER, Ledger
from membership.config import Settings
from membership.jobs.recovery import recovery
from membership.operations.deliveries import Deliveries
from membership.operations.imports import Imports
from membership.operations.members import Members
from membership.operations.programs import Programs
from membership.operations.purchases import Purchases
from membership.operations.returns import Returns
from membership.servicer import MembershipServicer

NAME = "membership"


async def compose(kit: Kit[Settings]) -> Parts:
    """Membership's servicer and jobs."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    ledger = Ledger(kit.remote("ledger", settings.ledger_target, LEDGER))
    deliveries = Deliveries(database, ledger, clock, kit.log)
    servicer = MembershipServicer(
        programs=Programs(database, ledger, clock),
        members=Members(database, deliveries, ledger, clock),
        purchases=Purchases(database, deliveries, clock),
        returns=Returns(database, deliveries, clock),
        imports=Imports(database, deliveries, clock),
    )
    return Parts(
        servicers=[servicer],
        jobs=[
            Job("recovery", recovery(database, clock, deliveries).run),
            *housekeeping.jobs(kit),
        ],
    )
