"""The composition root of membership: the only file that knows every part."""

from __future__ import annotations

from guerdon_kit import housekeeping
from guerdon_kit.service import Job, Kit, Parts
from membership.clients.catalog import CATALOG, Catalog
from membership.clients.ledger import LEDGER, Ledger
from membership.config import Settings
from membership.jobs.gifts import giving
from membership.jobs.occasions import occasions
from membership.jobs.offers import sending
from membership.jobs.plans import lapsing
from membership.jobs.purchase_events import awaiting
from membership.jobs.recovery import ending, extending, merging, recovery, reminding, waiting_returns
from membership.jobs.tiers import ending_years, turning
from membership.operations.activities import Activities
from membership.operations.activity_types import ActivityTypes
from membership.operations.campaigns import Campaigns
from membership.operations.claims import Claims
from membership.operations.consents import Consents, Hashing
from membership.operations.deliveries import Deliveries
from membership.operations.endings import Endings
from membership.operations.gifts import Gifts
from membership.operations.holds import Holds
from membership.operations.imports import Imports
from membership.operations.locking import Locking
from membership.operations.member_imports import MemberFiles
from membership.operations.members import Members
from membership.operations.merging import Merging
from membership.operations.occasions import Occasions
from membership.operations.offers import Offers
from membership.operations.one_time_consents import OneTimeConsents
from membership.operations.plan_periods import PlanPeriods
from membership.operations.plans import Plans
from membership.operations.profiles import Profiles
from membership.operations.programs import Programs
from membership.operations.purchase_events import PurchaseEvents
from membership.operations.purchases import Purchases
from membership.operations.referrals import Referrals
from membership.operations.reminders import Reminders
from membership.operations.replays import Replays
from membership.operations.returns import Returns
from membership.operations.rules import Rulebooks, Rules
from membership.operations.segments import Segments
from membership.operations.sliding import Sliding
from membership.operations.standings import Standings
from membership.operations.velocity import VelocityPolicies
from membership.servicer import MembershipServicer

NAME = "membership"


async def compose(kit: Kit[Settings]) -> Parts:
    """Membership's servicer and jobs."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    ledger = Ledger(kit.remote("ledger", settings.ledger_target, LEDGER))
    catalog = Catalog(kit.remote("rewards_catalog", settings.rewards_target, CATALOG), settings.rewards_patience_s)
    deliveries = Deliveries(database, ledger, clock, kit.log, settings.ledger_patience_s)
    endings = Endings(database, ledger, clock, kit.log, settings.ledger_patience_s)
    merges = Merging(database, ledger, clock, kit.log, settings.ledger_patience_s)
    standings = Standings(database, clock)
    plan_periods = PlanPeriods(database, clock)
    gifts = Gifts(database, catalog, clock)
    rulebooks, hashing = Rulebooks(), Hashing()
    returns = Returns(database, deliveries, clock)
    purchase_events = PurchaseEvents(database, deliveries, clock)
    servicer = MembershipServicer(
        programs=Programs(database, ledger, clock),
        members=Members(database, deliveries, ledger, clock),
        profiles=Profiles(database, clock),
        endings=endings,
        merges=merges,
        files=MemberFiles(database, deliveries, clock),
        claims=Claims(database, deliveries, rulebooks, clock),
        consents=Consents(database, hashing),
        one_time_consents=OneTimeConsents(database, hashing, clock),
        purchases=Purchases(database, deliveries, rulebooks, clock),
        returns=returns,
        purchase_events=purchase_events,
        imports=Imports(database, deliveries, rulebooks, clock),
        activity_types=ActivityTypes(database, clock),
        activities=Activities(database, deliveries, clock),
        referrals=Referrals(database, clock),
        rules=Rules(database, clock),
        replays=Replays(database, clock),
        campaigns=Campaigns(database, clock),
        offers=Offers(database, clock),
        plans=Plans(database, clock),
        plan_periods=plan_periods,
        segments=Segments(database, clock),
        velocity=VelocityPolicies(database, clock),
        holds=Holds(database, deliveries, clock),
        locking=Locking(database, ledger, clock),
        gifts=gifts,
    )
    return Parts(
        servicers=[servicer],
        jobs=[
            Job("recovery", recovery(database, clock, deliveries).run),
            Job("returns", waiting_returns(database, clock, returns).run),
            Job("purchase-events", awaiting(database, clock, purchase_events).run),
            Job("gifts", giving(database, clock, gifts).run),
            Job("endings", ending(database, clock, endings).run),
            Job("merges", merging(database, clock, merges).run),
            Job("slides", extending(database, clock, Sliding(database, ledger, clock)).run),
            Job("reminders", reminding(database, clock, Reminders(database, ledger, clock)).run),
            Job("occasions", occasions(database, clock, Occasions(database, clock)).run),
            Job("offers", sending(database, clock).run),
            Job("tiers", turning(database, clock, standings).run),
            Job("plans", lapsing(database, clock, plan_periods).run),
            Job("year-ends", ending_years(database, clock, standings).run),
            *housekeeping.jobs(kit),
        ],
    )
