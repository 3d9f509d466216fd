"""What is refused of links between members' accounts, and of their authorizations."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class LinkCodeUnknown(DomainError):
    """The code of the link is not good, or its time is over, or another partner was given it. Make a new one."""

    reason = "LINK_CODE_UNKNOWN"
    status = Status.FAILED_PRECONDITION
    message = "This code links nothing: it is none, was used, is older than ten minutes, or is this partner's own."


class NameMismatch(DomainError):
    """The two brands have the member by different names. The code is used up."""

    reason = "NAME_MISMATCH"
    status = Status.FAILED_PRECONDITION
    message = "The two brands have different names of the member: {differs} differs. The code is used up."


class AlreadyLinked(DomainError):
    """One of the accounts is linked with an account of the other brand. Unlink that first."""

    reason = "ALREADY_LINKED"
    status = Status.FAILED_PRECONDITION
    message = "One of the accounts is linked with an account of the other brand already."


class LinkLimit(DomainError):
    """The account was linked with accounts of the other brand too often within a year."""

    reason = "LINK_LIMIT"
    status = Status.RESOURCE_EXHAUSTED
    message = "{used} of {limit} links within a year are used; the next may be made at {reset_time}."


class NotLinked(DomainError):
    """The coalition exchanges only between accounts that are linked as one member's, and these are not."""

    reason = "NOT_LINKED"
    status = Status.FAILED_PRECONDITION
    message = "The two accounts are not linked."


class LinkCoolingOff(DomainError):
    """The accounts were linked, or how the member is reached was changed, not long enough ago."""

    reason = "LINK_COOLING_OFF"
    status = Status.FAILED_PRECONDITION
    message = "The link of the two accounts can be used from {usable_time} on."


class AuthorizationRequired(DomainError):
    """The coalition wants to know by what the member has authorized the exchange."""

    reason = "AUTHORIZATION_REQUIRED"
    status = Status.FAILED_PRECONDITION
    message = "The exchange needs an authorization_reference: the sending brand's own of what its member agreed to."


class AuthorizationUsed(DomainError):
    """The member's authorization was used for another exchange: each is authorized by itself."""

    reason = "AUTHORIZATION_USED"
    status = Status.FAILED_PRECONDITION
    message = "This authorization_reference was used for another exchange."
