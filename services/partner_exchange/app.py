"""The composition root: the only file that knows every part."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit import housekeeping
from guerdon_kit.service import Job, Kit, Parts
from partner_exchange.clients.ledger import LEDGER, Ledger
from partner_exchange.config import Settings
from partner_exchange.jobs.limits import prune_usage
from partner_exchange.jobs.quotes import prune_quotes
from partner_exchange.jobs.recovery import recovery
from partner_exchange.operations.exchanges import Exchanges
from partner_exchange.operations.limits import PartnerLimits
from partner_exchange.operations.partner_tokens import PartnerTokens
from partner_exchange.operations.partners import Partners
from partner_exchange.operations.progress import Progress, Reached, nowhere
from partner_exchange.operations.quotes import Quotes
from partner_exchange.operations.rate_books import RateBooks
from partner_exchange.servicer import CoalitionAdminServicer, CoalitionServicer, LimitsServicer

NAME = "partner_exchange"


async def compose(kit: Kit[Settings], reached: Reached = nowhere) -> Parts:
    """The servicers and jobs of partner exchange. Crash tests pass their own `reached`."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    ledger = Ledger(kit.remote("ledger", settings.ledger_target, LEDGER))
    progress = Progress(database, ledger, clock, settings.lease, reached)
    exchanges = Exchanges(database, progress)
    quotes = Quotes(database, clock)
    keep_quotes = housekeeping.keep_requests(settings) + timedelta(days=1)
    return Parts(
        servicers=[
            CoalitionAdminServicer(Partners(database, ledger, clock), RateBooks(database, ledger, clock), exchanges),
            CoalitionServicer(quotes, exchanges),
            LimitsServicer(PartnerLimits(database, clock)),
        ],
        jobs=[
            Job("recovery", recovery(progress).run),
            *housekeeping.jobs(kit),
            Job("prune-quotes", partial(prune_quotes, quotes, keep_quotes)),
            Job("prune-usage", partial(prune_usage, database, clock)),
        ],
        issuers=PartnerTokens(database).issuer,
    )
