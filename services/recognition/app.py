"""The recognition service's composition root."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from guerdon_kit import housekeeping
from guerdon_kit.service import Job, Kit, Parts
from guerdon_kit.webhooks.news import News
from guerdon_kit.webhooks.parts import webhooks
from recognition.clients.award_budgets import AwardBudgetBook
from recognition.clients.budgets import BudgetLedger
from recognition.clients.history import History
from recognition.clients.journal import JournalLedger
from recognition.clients.leavers import LeaverBook
from recognition.clients.ledger import LEDGER, Ledger
from recognition.config import Settings
from recognition.domain.payouts import PayoutKind
from recognition.jobs.allowances import grant_allowances
from recognition.jobs.approvals import decide_overdue
from recognition.jobs.billing import close_statements, counting
from recognition.jobs.budgets import disbursing, telling_terms
from recognition.jobs.celebrations import celebrate
from recognition.jobs.leavers import settling
from recognition.jobs.paying import pay
from recognition.jobs.recovery import import_recovery, recovery
from recognition.jobs.reviews import reject_overdue
from recognition.operations.achievements import Achievements
from recognition.operations.adding import Adding
from recognition.operations.award_budgets import AwardBudgets
from recognition.operations.award_programs import AwardPrograms
from recognition.operations.award_viewing import AwardViewing
from recognition.operations.awarding import Awarding, tell_given
from recognition.operations.billing import Billing
from recognition.operations.budgets import Budgets
from recognition.operations.celebrating import Celebrations, tell_celebrated
from recognition.operations.changing import Changing
from recognition.operations.claim_viewing import ClaimViewing
from recognition.operations.claiming import Claiming
from recognition.operations.commenting import Commenting
from recognition.operations.delegating import Delegating
from recognition.operations.deleting import Deleting
from recognition.operations.disbursing import Disbursements
from recognition.operations.editing import Editing
from recognition.operations.fairness import Fairness
from recognition.operations.feed import FeedReading
from recognition.operations.giving import Giving
from recognition.operations.granting import Granting
from recognition.operations.importing import Importing
from recognition.operations.insights import Insights
from recognition.operations.journal import Journal
from recognition.operations.leavers import Leavers
from recognition.operations.managing import ManagerBudgets
from recognition.operations.organisations import Organisations
from recognition.operations.paying import Paying
from recognition.operations.people import People
from recognition.operations.people_imports import PeopleImports
from recognition.operations.planning import Planning
from recognition.operations.previewing import Previewing
from recognition.operations.reporting import Reporting
from recognition.operations.reviewing import Reviewing
from recognition.operations.scim_tokens import ScimTokens
from recognition.operations.settings import RecognitionSettings
from recognition.operations.teams import Teams
from recognition.operations.viewing import Viewing
from recognition.operations.webhooks import ORGANISATIONS, Webhooks
from recognition.servicer import (
    AchievementServicer,
    AddOnServicer,
    AllowanceServicer,
    AwardBudgetServicer,
    AwardProgramServicer,
    AwardServicer,
    BillingServicer,
    BudgetServicer,
    CelebrationServicer,
    CommentServicer,
    DelegationServicer,
    FairnessServicer,
    FeedServicer,
    ImportServicer,
    IncentiveServicer,
    InsightServicer,
    LeaverServicer,
    ManagerBudgetServicer,
    OrganisationServicer,
    RecognitionServicer,
    ReviewServicer,
    ScimTokenServicer,
    TeamServicer,
    WebhookServicer,
)

NAME = "recognition"


def load(settings: Settings) -> None:
    """Loads SCIM where it is served: that takes as long as all the rest, and many installations have none."""
    if settings.scim_listen:
        import recognition.http.listener  # noqa: F401  # for `compose`


async def compose(kit: Kit[Settings]) -> Parts:
    """The servicers and the jobs."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    remote = kit.remote("ledger", settings.ledger_target, LEDGER)
    ledger = Ledger(remote, settings.ledger_timeout)
    budget_ledger = BudgetLedger(remote, settings.ledger_timeout)
    book = AwardBudgetBook(remote, settings.ledger_timeout)
    granting = Granting(database, ledger, clock, settings.lease)
    disbursements = Disbursements(database, budget_ledger, clock, settings.lease)
    journal = Journal(database, JournalLedger(remote, settings.ledger_timeout), clock)
    billing = Billing(database, journal, clock)
    budgets = Budgets(database, budget_ledger, clock, settings.lease)
    viewing = Viewing(database)
    changing = Changing(database, ledger, clock, settings.lease)
    importing = Importing(database, History(remote, settings.ledger_timeout), clock, settings.lease)
    fairness = Fairness(database, ledger, clock)
    tell = {PayoutKind.AWARD: tell_given, PayoutKind.CELEBRATION: tell_celebrated}
    paying = Paying(database, book, clock, settings.lease, tell)
    celebrations = Celebrations(database, paying, clock)
    awarding = Awarding(database, paying, clock)
    leaver_book = LeaverBook(remote, settings.ledger_timeout)
    leavers = Leavers(database, leaver_book, budget_ledger, clock, settings.leaver_look)
    allowance_poll = timedelta(seconds=settings.allowance_poll_s)
    recovery_poll = timedelta(seconds=settings.recovery_poll_s)
    reviewing = Reviewing(database, clock, changing, settings.lease)
    billing_poll = timedelta(seconds=settings.billing_poll_s)
    tokens = ScimTokens(database, clock)
    endpoints, webhook_jobs = webhooks(
        kit, ORGANISATIONS, Webhooks(clock).handlers, News(database), settings.webhook_events_keep
    )
    listeners = []
    if settings.scim_listen:
        from recognition.http.listener import scim

        listeners.append(scim(kit, ledger, tokens))
    return Parts(
        servicers=[
            OrganisationServicer(clock, Organisations(database, ledger), People(database, ledger, clock)),
            TeamServicer(Teams(database, clock)),
            ScimTokenServicer(tokens),
            AllowanceServicer(granting, Planning(database, clock), disbursements),
            BudgetServicer(budgets, disbursements, Reporting(database, journal, clock)),
            BillingServicer(billing),
            ManagerBudgetServicer(ManagerBudgets(database, budget_ledger, clock), disbursements),
            RecognitionServicer(
                Giving(database, clock, changing),
                Previewing(database, ledger, clock),
                Editing(database, clock, changing),
                Deleting(database, clock, ledger, changing),
                viewing,
                RecognitionSettings(database, clock),
                fairness,
            ),
            AddOnServicer(Adding(database, clock, changing, viewing), fairness),
            FeedServicer(FeedReading(database)),
            CommentServicer(Commenting(database, clock)),
            AwardBudgetServicer(AwardBudgets(database, book, clock)),
            AwardProgramServicer(clock, AwardPrograms(database)),
            AwardServicer(awarding, AwardViewing(database, clock)),
            DelegationServicer(Delegating(database, clock)),
            CelebrationServicer(celebrations),
            IncentiveServicer(clock, Claiming(database, paying, clock), ClaimViewing(database, clock)),
            AchievementServicer(clock, Achievements(database, paying, clock)),
            ImportServicer(PeopleImports(database, ledger, clock), importing),
            FairnessServicer(fairness),
            ReviewServicer(reviewing),
            InsightServicer(Insights(database, clock)),
            LeaverServicer(leavers),
            WebhookServicer(endpoints),
        ],
        jobs=[
            Job("allowances", partial(grant_allowances, granting, allowance_poll)),
            Job("recovery", recovery(database, clock, changing, recovery_poll, settings.lease).run),
            Job("disbursements", disbursing(database, clock, disbursements, recovery_poll, settings.lease).run),
            Job("journal", counting(database, clock, journal, billing_poll, timedelta(seconds=60)).run),
            Job("billing", partial(close_statements, billing, billing_poll)),
            Job("budget_terms", telling_terms(database, clock, budgets, recovery_poll, settings.lease).run),
            Job("approvals", partial(decide_overdue, awarding, recovery_poll)),
            Job("reviews", partial(reject_overdue, reviewing, recovery_poll)),
            Job("celebrations", partial(celebrate, celebrations, timedelta(seconds=settings.celebration_poll_s))),
            Job("leavers", settling(database, clock, leavers, recovery_poll, settings.lease).run),
            Job("payouts", partial(pay, paying, recovery_poll)),
            Job("imports", import_recovery(database, clock, importing, recovery_poll, settings.lease).run),
            *webhook_jobs,
            *housekeeping.jobs(kit),
        ],
        listeners=listeners,
    )
