"""What the recognition service refuses, and why."""

from __future__ import annotations

from recognition.domain.errors.achievements import (
    AchievementDailyLimit,
    AchievementDiffers,
    AchievementMonthlyLimit,
)
from recognition.domain.errors.allowances import (
    NoAllowancePlan,
    PeriodNotCurrent,
)
from recognition.domain.errors.award_budgets import (
    FundingRefused,
)
from recognition.domain.errors.awards import (
    AlreadyDecided,
    ApprovalOverdue,
    AwardProgramClosed,
    NoApprover,
    NominationNotAllowed,
    NotApprover,
    NotInApproval,
    OwnAward,
)
from recognition.domain.errors.budgets import (
    AlreadyFunded,
    BudgetShort,
    DisbursementRefused,
    ManagerBudgetShort,
    NoManagerBudget,
    NotBilled,
    StatementNotFinal,
)
from recognition.domain.errors.fairness import (
    AllowanceShareExceeded,
    FairnessRefusal,
    PairPointsExceeded,
    PairPostsExceeded,
    PostPointsExceeded,
    ReciprocityExceeded,
    TextRepeated,
)
from recognition.domain.errors.imports import (
    ExternalIdReused,
    ImportRefused,
)
from recognition.domain.errors.incentives import (
    ClaimDecided,
    ClaimsOfPersonExhausted,
    IncentiveExhausted,
    IncentiveNotOpen,
    ReferenceClaimed,
)
from recognition.domain.errors.organisations import (
    GivingNotAllowed,
    IdentityTaken,
    ManagerCycle,
    PersonActive,
    PersonDeactivated,
    ReceivingNotAllowed,
    RoleRequired,
    TeamNameTaken,
    UserNameTaken,
)
from recognition.domain.errors.recognitions import (
    CommentsFull,
    EditsUsedUp,
    EditWindowOver,
    GivingRefused,
    InsufficientAllowance,
    PointsSpent,
    ReactionsFull,
    RecognitionFull,
    SelfGiving,
)
from recognition.domain.errors.reviews import (
    AlreadyReviewed,
    RecognitionRejected,
    ReviewerConcerned,
    ReviewOutdated,
    ReviewOverdue,
)
from recognition.domain.errors.scim import (
    ScimTokensExceeded,
)

__all__ = [
    "AchievementDailyLimit",
    "AchievementDiffers",
    "AchievementMonthlyLimit",
    "AllowanceShareExceeded",
    "AlreadyDecided",
    "AlreadyFunded",
    "AlreadyReviewed",
    "ApprovalOverdue",
    "AwardProgramClosed",
    "BudgetShort",
    "ClaimDecided",
    "ClaimsOfPersonExhausted",
    "CommentsFull",
    "DisbursementRefused",
    "EditWindowOver",
    "EditsUsedUp",
    "ExternalIdReused",
    "FairnessRefusal",
    "FundingRefused",
    "GivingNotAllowed",
    "GivingRefused",
    "IdentityTaken",
    "ImportRefused",
    "IncentiveExhausted",
    "IncentiveNotOpen",
    "InsufficientAllowance",
    "ManagerBudgetShort",
    "ManagerCycle",
    "NoAllowancePlan",
    "NoApprover",
    "NoManagerBudget",
    "NominationNotAllowed",
    "NotApprover",
    "NotBilled",
    "NotInApproval",
    "OwnAward",
    "PairPointsExceeded",
    "PairPostsExceeded",
    "PeriodNotCurrent",
    "PersonActive",
    "PersonDeactivated",
    "PointsSpent",
    "PostPointsExceeded",
    "ReactionsFull",
    "ReceivingNotAllowed",
    "ReciprocityExceeded",
    "RecognitionFull",
    "RecognitionRejected",
    "ReferenceClaimed",
    "ReviewOutdated",
    "ReviewOverdue",
    "ReviewerConcerned",
    "RoleRequired",
    "ScimTokensExceeded",
    "SelfGiving",
    "StatementNotFinal",
    "TeamNameTaken",
    "TextRepeated",
    "UserNameTaken",
]
