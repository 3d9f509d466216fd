"""The composition root: the only file that knows every part."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit import housekeeping
from guerdon_kit.service import Job, Kit, Parts
from guerdon_kit.webhooks.news import News
from guerdon_kit.webhooks.parts import webhooks
from partner_exchange.clients.ledger import LEDGER, Ledger
from partner_exchange.clients.partner_ledgers import PartnerLedgers
from partner_exchange.config import Settings
from partner_exchange.jobs.bonuses import prune_bonuses
from partner_exchange.jobs.limits import prune_usage
from partner_exchange.jobs.links import prune_link_codes
from partner_exchange.jobs.quotes import prune_quotes
from partner_exchange.jobs.recovery import asking_again, recovery
from partner_exchange.jobs.reversals import asking_to_reverse, reversal_recovery
from partner_exchange.jobs.settlements import settlement_recovery
from partner_exchange.operations.accepting import Accepting
from partner_exchange.operations.disputes import Disputes
from partner_exchange.operations.ends import Ends
from partner_exchange.operations.event_streams import EventStreams
from partner_exchange.operations.exchanges import Exchanges
from partner_exchange.operations.funds import SettlementAccounts
from partner_exchange.operations.lifecycle import Lifecycle
from partner_exchange.operations.limits import PartnerLimits
from partner_exchange.operations.link_policies import LinkPolicies
from partner_exchange.operations.links import Links
from partner_exchange.operations.markets import Markets
from partner_exchange.operations.partner_terms import PartnerTerms
from partner_exchange.operations.partner_tokens import PartnerTokens
from partner_exchange.operations.partners import Partners
from partner_exchange.operations.progress import Progress
from partner_exchange.operations.quotes import Quotes
from partner_exchange.operations.quoting import Quoting
from partner_exchange.operations.rate_books import RateBooks
from partner_exchange.operations.reached import Reached, nowhere
from partner_exchange.operations.recent_quotes import RecentQuotes
from partner_exchange.operations.resolutions import Resolutions
from partner_exchange.operations.reversal_ends import ReversalEnds
from partner_exchange.operations.reversals import Reversals
from partner_exchange.operations.settlements import Settlements
from partner_exchange.operations.settling import Settling
from partner_exchange.operations.sides import Sides
from partner_exchange.operations.sources import Sources
from partner_exchange.operations.standings import Standings
from partner_exchange.operations.statements import Statements
from partner_exchange.operations.stepping import Stepping
from partner_exchange.operations.telling import PARTNERS, Telling
from partner_exchange.operations.windows import Windows
from partner_exchange.servicer import (
    CoalitionAdminServicer,
    CoalitionServicer,
    DisputeServicer,
    LimitServicer,
    ResolutionServicer,
    ReversalServicer,
    SettlementServicer,
    StatementServicer,
)
from partner_exchange.store import exchanges as exchange_rows
from partner_exchange.store import reversals as reversal_rows

NAME = "partner_exchange"


async def compose(kit: Kit[Settings], reached: Reached = nowhere) -> Parts:
    """The servicers and jobs of partner exchange. Crash tests pass their own `reached`."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    remote = kit.remote("ledger", settings.ledger_target, LEDGER)
    ledger = Ledger(remote, kit.locked_points())
    private = settings.development or settings.private_partners
    outward = kit.outward(private=private, ca_file=settings.partner_ca_file)
    partner_ledgers = PartnerLedgers(outward, settings.partner_timeout_s, settings.partner_calls_max)
    ends = Ends(database, clock, reached)
    sides = Sides(ledger, partner_ledgers)
    stepping = Stepping(ends, exchange_rows, sides, settings.patience, settings.lease)
    standings = Standings(database)
    progress = Progress(standings, ledger, settings.lease, ends, stepping)
    markets = Markets(database)
    recent = RecentQuotes(database)
    sources = Sources(database, markets, recent, ledger)
    accepting = Accepting(database, clock, settings.lease, markets, recent, sources)
    exchanges = Exchanges(database, accepting, standings, progress)
    reversal_ends = ReversalEnds(database, clock, reached)
    reversal_steps = Stepping(reversal_ends, reversal_rows, sides, settings.patience, settings.lease)
    reversals = Reversals(database, ledger, clock, settings.lease, reversal_ends, reversal_steps)
    quotes, quoting = Quotes(database, clock), Quoting(database, clock, markets, recent)
    windows = Windows(database, clock)
    settling = Settling(database, remote, clock, windows, reached)
    settlements = Settlements(database, clock, windows, settling, settings.lease)
    keep_quotes = housekeeping.keep_requests(settings) + timedelta(days=1)
    news = News(database)
    # A cursor is good for a little less than what follows it is kept.
    keep_told = settings.partner_events_keep + timedelta(hours=1)
    endpoints, webhook_jobs = webhooks(kit, PARTNERS, Telling(clock).handlers, news, keep_told)
    event_streams = EventStreams(database, clock, settings.partner_events_keep, settings.event_streams_max, news)
    kit.on_stop(event_streams.stop)
    return Parts(
        servicers=[
            CoalitionAdminServicer(
                Partners(database, ledger, clock, private),
                Lifecycle(database, clock),
                PartnerTerms(database, clock),
                LinkPolicies(database, clock),
                RateBooks(database, ledger, clock),
                exchanges,
            ),
            StatementServicer(Statements(database)),
            SettlementServicer(windows, settlements, SettlementAccounts(database, remote, clock)),
            LimitServicer(PartnerLimits(database, clock)),
            CoalitionServicer(
                quotes,
                quoting,
                exchanges,
                event_streams,
                endpoints,
                Links(database, clock),
            ),
            ReversalServicer(reversals),
            DisputeServicer(Disputes(database, clock, reversals)),
            ResolutionServicer(Resolutions(stepping, reversal_steps, exchanges), reversals),
        ],
        jobs=[
            Job("recovery", recovery(progress).run),
            Job("asking-again", asking_again(progress).run),
            Job("settlement-recovery", settlement_recovery(settling).run),
            Job("reversals", reversal_recovery(reversals).run),
            Job("asking-to-reverse", asking_to_reverse(reversals).run),
            *housekeeping.jobs(kit),
            Job("prune-quotes", partial(prune_quotes, quotes, keep_quotes)),
            Job("prune-usage", partial(prune_usage, database, clock)),
            Job("prune-bonuses", partial(prune_bonuses, database, clock)),
            Job("prune-link-codes", partial(prune_link_codes, database, clock)),
            *webhook_jobs,
        ],
        issuers=PartnerTokens(database).issuer,
    )
