"""The contracts of recognition: proto in, operation, proto out."""

from recognition.servicer.achievements import (
    AchievementServicer,
)
from recognition.servicer.add_ons import (
    AddOnServicer,
)
from recognition.servicer.allowances import (
    AllowanceServicer,
)
from recognition.servicer.award_budgets import (
    AwardBudgetServicer,
)
from recognition.servicer.award_programs import (
    AwardProgramServicer,
)
from recognition.servicer.awards import (
    AwardServicer,
)
from recognition.servicer.billing import (
    BillingServicer,
)
from recognition.servicer.budgets import (
    BudgetServicer,
)
from recognition.servicer.celebrations import (
    CelebrationServicer,
)
from recognition.servicer.comments import (
    CommentServicer,
)
from recognition.servicer.delegations import (
    DelegationServicer,
)
from recognition.servicer.fairness import (
    FairnessServicer,
)
from recognition.servicer.feed import (
    FeedServicer,
)
from recognition.servicer.imports import (
    ImportServicer,
)
from recognition.servicer.incentives import (
    IncentiveServicer,
)
from recognition.servicer.insights import (
    InsightServicer,
)
from recognition.servicer.leavers import (
    LeaverServicer,
)
from recognition.servicer.manager_budgets import (
    ManagerBudgetServicer,
)
from recognition.servicer.organisations import (
    OrganisationServicer,
)
from recognition.servicer.recognitions import (
    RecognitionServicer,
)
from recognition.servicer.reviews import (
    ReviewServicer,
)
from recognition.servicer.scim_tokens import (
    ScimTokenServicer,
)
from recognition.servicer.teams import (
    TeamServicer,
)
from recognition.servicer.webhooks import (
    WebhookServicer,
)

__all__ = [
    "AchievementServicer",
    "AddOnServicer",
    "AllowanceServicer",
    "AwardBudgetServicer",
    "AwardProgramServicer",
    "AwardServicer",
    "BillingServicer",
    "BudgetServicer",
    "CelebrationServicer",
    "CommentServicer",
    "DelegationServicer",
    "FairnessServicer",
    "FeedServicer",
    "ImportServicer",
    "IncentiveServicer",
    "InsightServicer",
    "LeaverServicer",
    "ManagerBudgetServicer",
    "OrganisationServicer",
    "RecognitionServicer",
    "ReviewServicer",
    "ScimTokenServicer",
    "TeamServicer",
    "WebhookServicer",
]
