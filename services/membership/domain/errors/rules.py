"""What rules, campaigns and segments refuse."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


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
