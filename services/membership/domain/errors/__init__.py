"""What membership refuses, and why."""

from __future__ import annotations

from membership.domain.errors.activities import (
    ActivityDiffers,
    ActivityTypeArchived,
    OccasionTaken,
)
from membership.domain.errors.claims import (
    ClaimLocked,
    ClaimNotProven,
    ClaimsNotTaken,
    ClaimTooLate,
    PurchaseClaimed,
)
from membership.domain.errors.consents import (
    ConsentCodeLimit,
    ConsentExpired,
    ConsentRefused,
    PinLocked,
    PinNotSet,
)
from membership.domain.errors.members import (
    AwardsHeld,
    ContactTaken,
    ContactUnknown,
    MemberChanging,
    MemberClosed,
    MemberErased,
    MemberMerged,
    MemberNotEmpty,
    MemberPending,
    TooManyCards,
)
from membership.domain.errors.offers import (
    OfferArchived,
    OfferOver,
    ReferralCodeUnknown,
    ReferralsClosed,
)
from membership.domain.errors.plans import (
    PlanArchived,
    PlanNotHeld,
    TooManyPeriods,
)
from membership.domain.errors.purchases import (
    AccountTaken,
    AwardNotHeld,
    CurrencyDiffers,
    LineNotReturnable,
    PurchaseDiffers,
    PurchaseEventDiffers,
    ReturnDiffers,
    ReturnExceedsPurchase,
)
from membership.domain.errors.rewards import RewardNotOverdue
from membership.domain.errors.rules import (
    CampaignArchived,
    SegmentArchived,
    TooManyRules,
    TooManySegments,
)

__all__ = [
    "AccountTaken",
    "ActivityDiffers",
    "ActivityTypeArchived",
    "AwardNotHeld",
    "AwardsHeld",
    "CampaignArchived",
    "ClaimLocked",
    "ClaimNotProven",
    "ClaimTooLate",
    "ClaimsNotTaken",
    "ConsentCodeLimit",
    "ConsentExpired",
    "ConsentRefused",
    "ContactTaken",
    "ContactUnknown",
    "CurrencyDiffers",
    "LineNotReturnable",
    "MemberChanging",
    "MemberClosed",
    "MemberErased",
    "MemberMerged",
    "MemberNotEmpty",
    "MemberPending",
    "OccasionTaken",
    "OfferArchived",
    "OfferOver",
    "PinLocked",
    "PinNotSet",
    "PlanArchived",
    "PlanNotHeld",
    "PurchaseClaimed",
    "PurchaseDiffers",
    "PurchaseEventDiffers",
    "ReferralCodeUnknown",
    "ReferralsClosed",
    "ReturnDiffers",
    "ReturnExceedsPurchase",
    "RewardNotOverdue",
    "SegmentArchived",
    "TooManyCards",
    "TooManyPeriods",
    "TooManyRules",
    "TooManySegments",
]
