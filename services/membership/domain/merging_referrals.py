"""What becomes of referrals when two members are one person: who was brought was brought once, and who brought friends
has brought all of them.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from membership.domain.referrals import Milestone, Referral, ReferralState, Refusal

_STAYS_FIRST = (ReferralState.QUALIFIED, ReferralState.TAKEN_BACK, ReferralState.OPEN)


def changed(referrals: Sequence[Referral], people: Set[int], bought: Set[int]) -> list[Referral]:
    """Those of the referrals of two friends that change now that they are one person; `people` are the numbers of both,
    `bought` of those who had bought.

    One of them by the other is none. Of the rest one stays, as a friend has one: which has qualified, then which was
    claimed first. An open one does not stay where the other one had bought: it is not a first order that it waits for.
    """
    live = [one for one in referrals if one.state is not ReferralState.REFUSED]
    own = [one for one in live if one.advocate_no in people]
    others = sorted(
        (one for one in live if one not in own), key=lambda one: (_STAYS_FIRST.index(one.state), one.claim_time)
    )
    ended = [_ended(one, Refusal.SELF_REFERRAL) for one in own]
    ended += [_ended(one, Refusal.ALREADY_REFERRED) for one in others[1:]]
    for one in others[:1]:
        if one.state is ReferralState.OPEN and bought - {one.friend_no}:
            ended.append(_ended(one, Refusal.NOT_FIRST_ORDER))
    return [one for one in ended if one not in live]


def _ended(referral: Referral, why: Refusal) -> Referral:
    if referral.state is ReferralState.OPEN:
        return replace(referral, state=ReferralState.REFUSED, refusal=why)
    return replace(referral, state=ReferralState.TAKEN_BACK)


def reached_together(milestones: Sequence[Milestone], friends: tuple[int, int]) -> list[Milestone]:
    """The milestones that two advocates had not reached, each with so many friends, and have reached together."""
    return [one for one in milestones if max(friends) < one.friends <= sum(friends)]
