"""What fairness policies refuse. Each names the receiver and the policy's numbers."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class FairnessRefusal(DomainError):
    """A policy of the organisation with the mode BLOCK. Nothing is kept: the same request may pass later."""

    status = Status.FAILED_PRECONDITION

    def __init__(self, receiver: str, limit: int, used: int, requested: int, room: int) -> None:
        super().__init__(receiver=receiver, limit=limit, used=used, requested=requested, room=room)


class PairPointsExceeded(FairnessRefusal):
    """One person would give another more points in the period than the organisation's policy allows."""

    reason = "FAIRNESS_PAIR_POINTS"
    message = "{used} of {limit} points to {receiver} are given in the period; this is {requested}, and {room} may be."


class PairPostsExceeded(FairnessRefusal):
    """One person would give to another more often in the period than the organisation's policy allows."""

    reason = "FAIRNESS_PAIR_POSTS"
    message = "{receiver} was given to {used} of {limit} times in the period."


class PostPointsExceeded(FairnessRefusal):
    """More points for one receiver at once than the organisation's policy allows."""

    reason = "FAIRNESS_POST_POINTS"
    message = "At most {limit} points may be given to each receiver at once; this is {requested}."


class ReciprocityExceeded(FairnessRefusal):
    """Two people would give each other nearly the same in the period."""

    reason = "FAIRNESS_RECIPROCITY"
    message = (
        "{receiver} gave back in the period: at most {limit} points may go there, {used} are given; this is "
        "{requested}, and {room} may be."
    )


class AllowanceShareExceeded(FairnessRefusal):
    """More of one's allowance would go to one person than the organisation's policy allows."""

    reason = "FAIRNESS_ALLOWANCE_SHARE"
    message = (
        "At most {limit} points of the period's allowance may go to {receiver}, {used} are given; this is {requested}, "
        "and {room} may be."
    )


class TextRepeated(FairnessRefusal):
    """The giver has written the same words a short while ago."""

    reason = "FAIRNESS_REPEATED_TEXT"
    message = "The same words were given {used} times a short while ago."
