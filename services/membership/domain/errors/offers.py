"""What personal offers and referrals refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class OfferArchived(DomainError):
    """The offer is sent no more."""

    reason = "OFFER_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{offer} is archived."

    def __init__(self, offer: str) -> None:
        super().__init__(offer=offer)


class OfferOver(DomainError):
    """The validity of the personal offer is over, so that it cannot be accepted any more."""

    reason = "OFFER_OVER"
    status = Status.FAILED_PRECONDITION
    message = "{personal_offer} was valid until {end_time}."

    def __init__(self, personal_offer: str, end_time: str) -> None:
        super().__init__(personal_offer=personal_offer, end_time=end_time)


class ReferralCodeUnknown(DomainError):
    """No member of the program has this referral code."""

    reason = "REFERRAL_CODE_UNKNOWN"
    status = Status.NOT_FOUND
    message = "No member of {program} has this referral code."

    def __init__(self, program: str) -> None:
        super().__init__(program=program)


class ReferralsClosed(DomainError):
    """The program has no referral terms, or takes no new referrals."""

    reason = "REFERRALS_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "{program} takes no new referrals."

    def __init__(self, program: str) -> None:
        super().__init__(program=program)
