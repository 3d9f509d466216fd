"""Referrals, for the tests of what becomes of them."""

from __future__ import annotations

from typing import Any

from guerdon import new_request_id
from guerdon.membership.v1 import membership_pb2, profile_pb2
from guerdon.membership.v1 import referral_pb2 as pb
from tests.contract.membership.world import Shop

OPEN, QUALIFIED = pb.Referral.STATE_OPEN, pb.Referral.STATE_QUALIFIED
REFUSED, TAKEN_BACK = pb.Referral.STATE_REFUSED, pb.Referral.STATE_TAKEN_BACK


async def set_terms(shop: Shop, request_id: str = "", **changes: Any) -> pb.ReferralTerms:
    """Sets terms: 100 points for the advocate and 25 for the friend after a first purchase, unless changed."""
    values: dict[str, Any] = {
        "qualifying_event": pb.QUALIFYING_EVENT_FIRST_PURCHASE,
        "advocate_points": 100,
        "friend_points": 25,
    }
    terms = pb.ReferralTerms(name=f"{shop.program}/referralTerms", **(values | changes))
    request = pb.SetReferralTermsRequest(referral_terms=terms, request_id=request_id or new_request_id())
    return (await shop.membership.membership.SetReferralTerms(request)).referral_terms


async def code_of(shop: Shop, member_id: str) -> str:
    """A member's code."""
    request = pb.GetReferralCodeRequest(name=f"{shop.program}/members/{member_id}")
    return (await shop.membership.membership.GetReferralCode(request)).referral_code


def claim(shop: Shop, member_id: str, code: str, address: str = "", request_id: str = "") -> Any:
    """Claims a code."""
    return shop.membership.membership.ClaimReferral(
        pb.ClaimReferralRequest(
            name=f"{shop.program}/members/{member_id}",
            referral_code=code,
            source_address=address,
            request_id=request_id or new_request_id(),
        )
    )


async def join(
    shop: Shop, member_id: str, code: str, address: str = "", request_id: str = "", **profile: Any
) -> membership_pb2.EnrollMemberResponse:
    """Enrols a friend with a code."""
    return await shop.membership.membership.EnrollMember(
        membership_pb2.EnrollMemberRequest(
            parent=shop.program,
            member_id=member_id,
            referral_code=code,
            source_address=address,
            profile=profile_pb2.Profile(**profile),
            request_id=request_id or new_request_id(),
        )
    )


async def friends_of(shop: Shop, member_id: str, page_size: int = 0) -> dict[str, pb.Referral]:
    """An advocate's referrals by the friends' ids, the newest friend first."""
    found: dict[str, pb.Referral] = {}
    token = "0"
    while token:
        page = await shop.membership.membership.ListReferrals(
            pb.ListReferralsRequest(
                parent=f"{shop.program}/members/{member_id}",
                page_size=page_size,
                page_token="" if token == "0" else token,
            )
        )
        found |= {one.friend.rpartition("/")[2]: one for one in page.referrals}
        token = page.next_page_token
    return found
