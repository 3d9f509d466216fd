"""Membership's RPCs about referrals."""

from __future__ import annotations

from guerdon.membership.v1 import referral_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.program import Program
from membership.domain.referrals import (
    CodeGiven,
    Milestone,
    QualifyingEvent,
    Referral,
    ReferralState,
    ReferralTerms,
    Refusal,
)
from membership.operations.programs import Programs
from membership.operations.referrals import Referrals
from membership.servicer.policies import read_expiry, write_expiry
from membership.servicer.reading import MEMBER
from membership.servicer.writing import optional_timestamp, tell_replay

TERMS = "programs/{program}/referralTerms"
_FREE, _LIMIT = 2, 5
"""Claims from one address in a week, without a warning and at all, where terms do not say."""
_LAST = (2**63 - 1, 0)

_EVENTS = {
    pb.QUALIFYING_EVENT_SIGN_UP: QualifyingEvent.SIGN_UP,
    pb.QUALIFYING_EVENT_FIRST_PURCHASE: QualifyingEvent.FIRST_PURCHASE,
}
_EVENTS_TOLD = {event: told for told, event in _EVENTS.items()}
_STATES = {
    ReferralState.OPEN: pb.Referral.STATE_OPEN,
    ReferralState.QUALIFIED: pb.Referral.STATE_QUALIFIED,
    ReferralState.REFUSED: pb.Referral.STATE_REFUSED,
    ReferralState.TAKEN_BACK: pb.Referral.STATE_TAKEN_BACK,
}
_REFUSALS = {
    None: pb.Referral.REFUSAL_UNSPECIFIED,
    Refusal.SELF_REFERRAL: pb.Referral.REFUSAL_SELF_REFERRAL,
    Refusal.ALREADY_REFERRED: pb.Referral.REFUSAL_ALREADY_REFERRED,
    Refusal.NOT_FIRST_ORDER: pb.Referral.REFUSAL_NOT_FIRST_ORDER,
    Refusal.ALREADY_ENROLLED: pb.Referral.REFUSAL_ALREADY_ENROLLED,
    Refusal.SAME_CONTACT: pb.Referral.REFUSAL_SAME_CONTACT,
    Refusal.TOO_MANY_FROM_ADDRESS: pb.Referral.REFUSAL_TOO_MANY_FROM_ADDRESS,
}


class ReferralRpcs:
    """What `guerdon.membership.v1.MembershipService` does with referrals."""

    def __init__(self, programs: Programs, referrals: Referrals) -> None:
        self._programs = programs
        self._referrals = referrals

    async def set_referral_terms(
        self, request: pb.SetReferralTermsRequest, call: CallContext
    ) -> pb.SetReferralTermsResponse:
        """Sets a program's terms."""
        (program_id,) = parse(request.referral_terms.name, TERMS, "referral_terms.name")
        terms = _read_terms(request.referral_terms)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        tell_replay(call, await self._referrals.set_terms(program, terms, fingerprint, call.caller.actor))
        return pb.SetReferralTermsResponse(referral_terms=await self._terms(program))

    async def get_referral_terms(
        self, request: pb.GetReferralTermsRequest, _call: CallContext
    ) -> pb.GetReferralTermsResponse:
        """Reads a program's terms."""
        (program_id,) = parse(request.name, TERMS)
        return pb.GetReferralTermsResponse(referral_terms=await self._terms(await self._programs.get(program_id)))

    async def get_referral_code(
        self, request: pb.GetReferralCodeRequest, _call: CallContext
    ) -> pb.GetReferralCodeResponse:
        """Reads a member's code, which is made when it is first asked for: asking again answers the same."""
        program_id, member_id = parse(request.name, MEMBER)
        code, friends = await self._referrals.code(await self._programs.get(program_id), member_id)
        return pb.GetReferralCodeResponse(referral_code=code, friend_count=friends)

    async def claim_referral(self, request: pb.ClaimReferralRequest, call: CallContext) -> pb.ClaimReferralResponse:
        """Claims a code for a member."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        given = CodeGiven(request.referral_code, request.source_address)
        fingerprint = Fingerprint.of(call, request, program.name)
        claimed, replayed = await self._referrals.claim(program, member_id, given, fingerprint, call.caller.actor)
        tell_replay(call, replayed)
        return pb.ClaimReferralResponse(referral=write_referral(program, claimed))

    async def list_referrals(self, request: pb.ListReferralsRequest, _call: CallContext) -> pb.ListReferralsResponse:
        """Lists an advocate's referrals."""
        program_id, member_id = parse(request.parent, MEMBER, "parent")
        most, query = page_size(request.page_size), ("ListReferrals", request.parent)
        before = _LAST
        if request.page_token:
            friend_no, advocate_no = read_token(request.page_token, query, (int, int))
            before = int(friend_no), int(advocate_no)
        program = await self._programs.get(program_id)
        found = await self._referrals.page(program, member_id, before, most + 1)
        return pb.ListReferralsResponse(
            referrals=[write_referral(program, one) for one in found[:most]],
            next_page_token=write_token(query, _position(found[most - 1])) if len(found) > most else "",
        )

    async def _terms(self, program: Program) -> pb.ReferralTerms:
        terms, version, update_time = await self._referrals.terms(program)
        return pb.ReferralTerms(
            name=f"{program.name}/referralTerms",
            qualifying_event=_EVENTS_TOLD[terms.event],
            minimum_spend=terms.minimum_spend,
            advocate_points=terms.advocate_points,
            friend_points=terms.friend_points,
            milestones=[pb.ReferralTerms.Milestone(friends=one.friends, points=one.points) for one in terms.milestones],
            expiry_policy=None if terms.expiry is None else write_expiry(terms.expiry),
            address_warning=terms.address_warning,
            address_limit=terms.address_limit,
            closed=terms.closed,
            version=version,
            update_time=timestamp(update_time),
        )


def _position(one: Referral) -> tuple[int, int]:
    return one.claimed.friend_no, one.claimed.advocate_no


def write_referral(program: Program, one: Referral) -> pb.Referral:
    """A referral as it is answered."""
    return pb.Referral(
        advocate=f"{program.name}/members/{one.advocate_id}",
        friend=f"{program.name}/members/{one.friend_id}",
        state=_STATES[one.state],
        refusal=_REFUSALS[one.refusal],
        address_warned=one.warned,
        claim_time=timestamp(one.claim_time),
        qualify_time=optional_timestamp(one.qualify_time),
        purchase=f"{program.name}/purchases/{one.purchase_id}" if one.purchase_id else "",
        advocate_points=one.advocate_points,
        friend_points=one.friend_points,
        milestone=one.milestone or 0,
    )


def _read_terms(message: pb.ReferralTerms) -> ReferralTerms:
    if message.qualifying_event not in _EVENTS:
        raise InvalidField.of("referral_terms.qualifying_event", "must be an event")
    free = message.address_warning or _FREE
    return ReferralTerms(
        event=_EVENTS[message.qualifying_event],
        minimum_spend=message.minimum_spend,
        advocate_points=message.advocate_points,
        friend_points=message.friend_points,
        milestones=tuple(Milestone(one.friends, one.points) for one in message.milestones),
        expiry=read_expiry(message.expiry_policy, "referral_terms.expiry_policy")
        if message.HasField("expiry_policy")
        else None,
        address_warning=free,
        address_limit=message.address_limit or max(free, _LIMIT),
        closed=message.closed,
    )
