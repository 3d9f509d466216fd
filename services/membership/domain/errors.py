"""What membership refuses, and why."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class PurchaseDiffers(DomainError):
    """The purchase id was recorded with other facts. Nothing is changed: a purchase is corrected by a return."""

    reason = "PURCHASE_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{purchase} is recorded with other facts; these differ: {fields}."

    def __init__(self, purchase: str, fields: str) -> None:
        super().__init__(purchase=purchase, fields=fields)


class ReturnDiffers(DomainError):
    """The return id was recorded with other facts."""

    reason = "RETURN_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{goods_return} is recorded with other facts; these differ: {fields}."

    def __init__(self, goods_return: str, fields: str) -> None:
        super().__init__(goods_return=goods_return, fields=fields)


class PurchaseEventDiffers(DomainError):
    """The id of an event was recorded with other facts."""

    reason = "PURCHASE_EVENT_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{purchase_event} is recorded with other facts; these differ: {fields}."

    def __init__(self, purchase_event: str, fields: str) -> None:
        super().__init__(purchase_event=purchase_event, fields=fields)


class ReturnExceedsPurchase(DomainError):
    """More came back than was bought. Amounts in minor units. Decided under lock and kept with the request."""

    reason = "RETURN_EXCEEDS_PURCHASE"
    status = Status.FAILED_PRECONDITION
    message = "The purchase was {amount}, {returned} of it has been returned: {returnable} can still be, not {asked}."
    frozen = True

    def __init__(self, amount: int, returned: int, asked: int) -> None:
        super().__init__(amount=amount, returned=returned, returnable=amount - returned, asked=asked)


class ClaimsNotTaken(DomainError):
    """A purchase came without a member, and nobody could claim it."""

    reason = "CLAIMS_NOT_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{program} has no claims of purchases: each names its member."

    def __init__(self, program: str) -> None:
        super().__init__(program=program)


class PurchaseClaimed(DomainError):
    """The purchase is another member's, who is not named."""

    reason = "PURCHASE_CLAIMED"
    status = Status.FAILED_PRECONDITION
    message = "{purchase} is another member's."

    def __init__(self, purchase: str) -> None:
        super().__init__(purchase=purchase)


class ClaimNotProven(DomainError):
    """The total or the day is not that of the purchase. Kept with the request, which counts once."""

    reason = "CLAIM_NOT_PROVEN"
    status = Status.FAILED_PRECONDITION
    message = "The amount or the day is not that of {purchase}: {left} more may be tried."

    def __init__(self, purchase: str, left: int) -> None:
        super().__init__(purchase=purchase, left=left)


class ClaimLocked(DomainError):
    """The purchase was claimed with a wrong total or day too often."""

    reason = "CLAIM_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "{purchase} was claimed wrongly too often: nobody can claim it any more."

    def __init__(self, purchase: str) -> None:
        super().__init__(purchase=purchase)


class ClaimTooLate(DomainError):
    """The program's window for claims of the purchase is over."""

    reason = "CLAIM_TOO_LATE"
    status = Status.FAILED_PRECONDITION
    message = "{purchase} could be claimed until {end_time}."

    def __init__(self, purchase: str, end_time: str) -> None:
        super().__init__(purchase=purchase, end_time=end_time)


class PinNotSet(DomainError):
    """The member has no PIN to consent with."""

    reason = "PIN_NOT_SET"
    status = Status.FAILED_PRECONDITION
    message = "{member} has no PIN."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class ConsentRefused(DomainError):
    """The PIN or the code is not the member's."""

    reason = "CONSENT_REFUSED"
    status = Status.FAILED_PRECONDITION
    message = "{member} does not consent by that: {left} more may be tried."

    def __init__(self, member: str, left: int) -> None:
        super().__init__(member=member, left=left)


class PinLocked(DomainError):
    """Too many wrong PINs were tried in a row."""

    reason = "PIN_LOCKED"
    status = Status.FAILED_PRECONDITION
    message = "The PIN of {member} was tried too often: another has to be set."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class ConsentExpired(DomainError):
    """There is no code or token by which the member could consent: used, tried too often, or its time is over."""

    reason = "CONSENT_EXPIRED"
    status = Status.FAILED_PRECONDITION
    message = "{member} has no such code or token that can be used: another has to be made."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class ConsentCodeLimit(DomainError):
    """The member was sent as many codes as it may be within an hour."""

    reason = "CONSENT_CODE_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{member} was sent {limit} codes: the next may be made at {reset_time}."

    def __init__(self, member: str, limit: int, reset_time: str) -> None:
        super().__init__(member=member, limit=limit, reset_time=reset_time)


class LineNotReturnable(DomainError):
    """More pieces of a line came back than are left of it, or it cannot be brought back by line: the purchase has no
    such line, or it was a final sale. Decided under lock and kept with the request.
    """

    reason = "LINE_NOT_RETURNABLE"
    status = Status.FAILED_PRECONDITION
    message = "Of line {line} {returnable} can still be returned, not {asked}."
    frozen = True

    def __init__(self, line: str, returnable: int, asked: int) -> None:
        super().__init__(line=line, returnable=returnable, asked=asked)


class CampaignArchived(DomainError):
    """The campaign is archived, and cannot be changed any more."""

    reason = "CAMPAIGN_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{campaign} is archived: make another one."

    def __init__(self, campaign: str) -> None:
        super().__init__(campaign=campaign)


class TooManyRules(DomainError):
    """The program has as many rules, versions of rules or campaigns as it can have."""

    reason = "TOO_MANY_RULES"
    status = Status.RESOURCE_EXHAUSTED
    message = "The program has {limit} {what}: it can have no more."

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what=what, limit=limit)


class AccountTaken(DomainError):
    """The member's account id is in use in the ledger with another unit: points cannot be credited there."""

    reason = "ACCOUNT_TAKEN"
    status = Status.FAILED_PRECONDITION
    message = "{account} counts in another unit than the program: the purchase is recorded, its points wait."

    def __init__(self, account: str) -> None:
        super().__init__(account=account)


class CurrencyDiffers(DomainError):
    """An amount in another currency than the program's."""

    reason = "CURRENCY_DIFFERS"
    status = Status.INVALID_ARGUMENT
    message = "The program's purchases are in {expected}, not in {given}."

    def __init__(self, expected: str, given: str) -> None:
        super().__init__(expected=expected, given=given)


class ContactTaken(DomainError):
    """A card, telephone number, email address or external id belongs to another member, who is not named. It may pass
    later: not kept with the request.
    """

    reason = "CONTACT_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "Another member of the program has these: {fields}."

    def __init__(self, fields: str) -> None:
        super().__init__(fields=fields)


class ContactUnknown(DomainError):
    """No member has the contact that was asked for, which is not repeated."""

    reason = "CONTACT_UNKNOWN"
    status = Status.NOT_FOUND
    message = "No member of {program} has this {field}, or the program is not yours to see."

    def __init__(self, program: str, field: str) -> None:
        super().__init__(program=program, field=field)


class ActivityDiffers(DomainError):
    """The activity id was recorded with other facts."""

    reason = "ACTIVITY_DIFFERS"
    status = Status.ALREADY_EXISTS
    message = "{activity} is recorded with other facts; these differ: {fields}."

    def __init__(self, activity: str, fields: str) -> None:
        super().__init__(activity=activity, fields=fields)


class ActivityTypeArchived(DomainError):
    """Activities of this type are not recorded any more."""

    reason = "ACTIVITY_TYPE_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{activity_type} is archived."

    def __init__(self, activity_type: str) -> None:
        super().__init__(activity_type=activity_type)


class OccasionTaken(DomainError):
    """The program has a type for this occasion, which is not archived."""

    reason = "OCCASION_TAKEN"
    status = Status.ALREADY_EXISTS
    message = "{activity_type} is for this occasion already."

    def __init__(self, activity_type: str) -> None:
        super().__init__(activity_type=activity_type)


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


class SegmentArchived(DomainError):
    """The segment is archived: no member is in it."""

    reason = "SEGMENT_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{segment} is archived."

    def __init__(self, segment: str) -> None:
        super().__init__(segment=segment)


class TooManySegments(DomainError):
    """The program has as many segments as it can have; archive one first."""

    reason = "TOO_MANY_SEGMENTS"
    status = Status.RESOURCE_EXHAUSTED
    message = "A program has at most {limit} segments."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class PlanArchived(DomainError):
    """The plan is archived: it is not sold and does not change any more."""

    reason = "PLAN_ARCHIVED"
    status = Status.FAILED_PRECONDITION
    message = "{plan} is archived."

    def __init__(self, plan: str) -> None:
        super().__init__(plan=plan)


class PlanNotHeld(DomainError):
    """The member holds no plan of paid membership. It may buy one."""

    reason = "PLAN_NOT_HELD"
    status = Status.FAILED_PRECONDITION
    message = "{member} holds no plan."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class TooManyPeriods(DomainError):
    """The member has bought as many periods of plans ahead as it can. It passes."""

    reason = "TOO_MANY_PERIODS"
    status = Status.RESOURCE_EXHAUSTED
    message = "{member} has {limit} periods of plans that have not ended, and cannot have more."

    def __init__(self, member: str, limit: int) -> None:
        super().__init__(member=member, limit=limit)


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


class MemberPending(DomainError):
    """The member's account is not open yet, so that it cannot be closed."""

    reason = "MEMBER_PENDING"
    status = Status.FAILED_PRECONDITION
    message = "The enrolment of {member} is still on its way to the ledger."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberNotEmpty(DomainError):
    """The member's account, or a wallet of the member's, has or owes something. Decided by the ledger and kept with the
    request.
    """

    reason = "MEMBER_NOT_EMPTY"
    status = Status.FAILED_PRECONDITION
    message = "{member} has {posted} of {unit}, {held} of them held and {pending} pending, and a debt of {debt}."

    def __init__(self, member: str, posted: int, held: int, pending: int, debt: int, unit: str) -> None:
        super().__init__(member=member, posted=posted, held=held, pending=pending, debt=debt, unit=unit)


class MemberClosed(DomainError):
    """The membership is closed: nothing is recorded for it any more."""

    reason = "MEMBER_CLOSED"
    status = Status.FAILED_PRECONDITION
    message = "{member} is closed."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberMerged(DomainError):
    """The member was merged into another, who is to be named instead."""

    reason = "MEMBER_MERGED"
    status = Status.FAILED_PRECONDITION
    message = "{member} was merged into another member."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class MemberChanging(DomainError):
    """The member is being closed, or another's points are still on their way to it. It passes."""

    reason = "MEMBER_CHANGING"
    status = Status.FAILED_PRECONDITION
    message = "{member} is being closed or merged: try again once that is done."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)


class AwardsHeld(DomainError):
    """Awards of a member who is to be merged are held, or wait for an event: that is decided first."""

    reason = "AWARDS_HELD"
    status = Status.FAILED_PRECONDITION
    message = (
        "{awards} awards of {member} are held or wait for an event: release or reject them, or tell the event, first."
    )

    def __init__(self, member: str, awards: int) -> None:
        super().__init__(member=member, awards=awards)


class AwardNotHeld(DomainError):
    """An award is not held, or not any more: what became of it is its flag's state."""

    reason = "AWARD_NOT_HELD"
    status = Status.FAILED_PRECONDITION
    message = "The award of {purchase} is not held; its flag is {state}."

    def __init__(self, purchase: str, state: str) -> None:
        super().__init__(purchase=purchase, state=state)


class TooManyCards(DomainError):
    """Two members to be merged have more cards together than one member may have."""

    reason = "TOO_MANY_CARDS"
    status = Status.FAILED_PRECONDITION
    message = "Both members together have {cards} cards; one may have {cards_max}."

    def __init__(self, cards: int, cards_max: int) -> None:
        super().__init__(cards=cards, cards_max=cards_max)


class MemberErased(DomainError):
    """The member's personal data are erased: nothing is recorded for the id any more."""

    reason = "MEMBER_ERASED"
    status = Status.FAILED_PRECONDITION
    message = "{member} is erased."

    def __init__(self, member: str) -> None:
        super().__init__(member=member)
