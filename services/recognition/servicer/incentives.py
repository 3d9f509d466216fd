"""Incentives and claims: proto in, operation, proto out."""

from __future__ import annotations

from guerdon.recognition.v1 import incentives_pb2 as pb
from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant, timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.award_budgets import budget_name
from recognition.domain.incentives import Claim, ClaimState, Incentive, NewClaim, WantedClaims
from recognition.domain.people import person_name
from recognition.operations.claim_viewing import Asked, ClaimList, ClaimViewing
from recognition.operations.claiming import Claiming, Decision
from recognition.servicer.approvals import read_approver, write_approver
from recognition.servicer.naming import ORGANISATION, acting, budget_id, optional_person_id, owned_id, tell_replay
from recognition.servicer.payouts import write_payout

_INCENTIVE = "organisations/{organisation}/incentives/{incentive}"
_CLAIM = f"{_INCENTIVE}/claims/{{claim}}"
_STATES = {state: pb.ClaimState.Value(f"CLAIM_STATE_{state.name}") for state in ClaimState}

_WANTED_STATES = {pb.CLAIM_STATE_UNSPECIFIED: None, **{number: state for state, number in _STATES.items()}}
_LISTS = {
    pb.CLAIM_LIST_UNSPECIFIED: ClaimList.CLAIMED,
    pb.CLAIM_LIST_CLAIMED: ClaimList.CLAIMED,
    pb.CLAIM_LIST_TO_DECIDE: ClaimList.TO_DECIDE,
    pb.CLAIM_LIST_DECIDED: ClaimList.DECIDED,
    pb.CLAIM_LIST_ALL: ClaimList.ALL,
}


class IncentiveServicer:
    """`guerdon.recognition.v1.IncentiveService`."""

    service = pb.DESCRIPTOR.services_by_name["IncentiveService"]

    def __init__(self, clock: Clock, claiming: Claiming, viewing: ClaimViewing) -> None:
        self._clock = clock
        self._claiming = claiming
        self._viewing = viewing

    async def create_incentive(
        self, request: pb.CreateIncentiveRequest, call: CallContext
    ) -> pb.CreateIncentiveResponse:
        """Offers an incentive."""
        incentive = read_incentive(request.incentive, self._clock)
        fingerprint = Fingerprint.of(call, request, f"organisations/{incentive.organisation}")
        made, replayed = await self._claiming.create(fingerprint, incentive, acting(call.caller))
        tell_replay(call, replayed)
        return pb.CreateIncentiveResponse(incentive=write_incentive(made))

    async def get_incentive(self, request: pb.GetIncentiveRequest, _call: CallContext) -> pb.GetIncentiveResponse:
        """Reads an incentive."""
        organisation, incentive = parse(request.name, _INCENTIVE)
        found, claimed = await self._claiming.get(organisation, incentive)
        return pb.GetIncentiveResponse(incentive=write_incentive(found), claimed_quantity=claimed)

    async def list_incentives(self, request: pb.ListIncentivesRequest, _call: CallContext) -> pb.ListIncentivesResponse:
        """Lists incentives by id."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        size = page_size(request.page_size)
        query = ("ListIncentives", organisation, str(request.open_only))
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        found = await self._claiming.list_after(organisation, after, size + 1, open_only=request.open_only)
        more = len(found) > size
        return pb.ListIncentivesResponse(
            incentives=map(write_incentive, found[:size]),
            next_page_token=write_token(query, (found[size - 1].id,)) if more else "",
        )

    async def claim_incentive(self, request: pb.ClaimIncentiveRequest, call: CallContext) -> pb.ClaimIncentiveResponse:
        """Claims an incentive."""
        organisation, incentive = parse(request.parent, _INCENTIVE, "parent")
        made = NewClaim(
            organisation=organisation,
            incentive=incentive,
            person=optional_person_id(request.claim.person, organisation, "claim.person") or "",
            proof=request.claim.proof,
            external_reference=request.claim.external_reference,
        )
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        claim, replayed = await self._claiming.claim(fingerprint, made, acting(call.caller))
        tell_replay(call, replayed)
        return pb.ClaimIncentiveResponse(claim=write_claim(claim))

    async def approve_claim(self, request: pb.ApproveClaimRequest, call: CallContext) -> pb.ApproveClaimResponse:
        """Approves a claim."""
        return pb.ApproveClaimResponse(claim=await self._decide(request, call, approve=True))

    async def reject_claim(self, request: pb.RejectClaimRequest, call: CallContext) -> pb.RejectClaimResponse:
        """Rejects a claim."""
        return pb.RejectClaimResponse(claim=await self._decide(request, call, approve=False))

    async def get_claim(self, request: pb.GetClaimRequest, call: CallContext) -> pb.GetClaimResponse:
        """Reads a claim."""
        organisation, incentive, claim = parse(request.name, _CLAIM)
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found = await self._viewing.get(organisation, incentive, claim, viewer, acting(call.caller))
        return pb.GetClaimResponse(claim=write_claim(found))

    async def list_claims(self, request: pb.ListClaimsRequest, call: CallContext) -> pb.ListClaimsResponse:
        """Lists claims."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        which = _LISTS.get(request.list)
        if which is None:
            raise InvalidField.of("list", "must be CLAIMED, TO_DECIDE, DECIDED or ALL")
        asked = Asked(
            organisation=organisation,
            list=which,
            wanted=_read_wanted(request, organisation),
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            size=request.page_size,
            token=request.page_token,
        )
        found, next_token = await self._viewing.list_claims(asked, acting(call.caller))
        return pb.ListClaimsResponse(claims=map(write_claim, found), next_page_token=next_token)

    async def _decide(
        self, request: pb.ApproveClaimRequest | pb.RejectClaimRequest, call: CallContext, *, approve: bool
    ) -> pb.Claim:
        organisation, incentive, claim = parse(request.name, _CLAIM)
        person = optional_person_id(request.person, organisation, "person") or ""
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        decision = Decision(organisation, incentive, claim, person, approve, request.comment)
        decided, replayed = await self._claiming.decide(fingerprint, decision, acting(call.caller))
        tell_replay(call, replayed)
        return write_claim(decided)


def read_incentive(message: pb.Incentive, clock: Clock) -> Incentive:
    """An incentive to offer."""
    organisation, incentive = parse(message.name, _INCENTIVE, "incentive.name")
    starts, ends = message.HasField("start_time"), message.HasField("end_time")
    reviewed = message.HasField("reviewer")
    return Incentive(
        organisation=organisation,
        id=incentive,
        display_name=message.display_name,
        budget=budget_id(message.award_budget, organisation, "incentive.award_budget"),
        amount=message.amount,
        monthly_quantity=message.monthly_quantity,
        monthly_quantity_per_person=message.monthly_quantity_per_person,
        start_time=instant(message.start_time, "incentive.start_time") if starts else None,
        end_time=instant(message.end_time, "incentive.end_time") if ends else None,
        reviewer=read_approver(message.reviewer, organisation, "incentive.reviewer") if reviewed else None,
        create_time=clock.now(),
    )


def _read_wanted(request: pb.ListClaimsRequest, organisation: str) -> WantedClaims:
    if request.state not in _WANTED_STATES:
        raise InvalidField.of("state", "must be one of the states that the contract names")
    return WantedClaims(
        incentive=owned_id(request.incentive, _INCENTIVE, organisation, "incentive") if request.incentive else None,
        person=optional_person_id(request.person, organisation, "person"),
        state=_WANTED_STATES[request.state],
    )


def write_incentive(incentive: Incentive) -> pb.Incentive:
    """The contract's incentive."""
    reviewer = incentive.reviewer
    return pb.Incentive(
        name=incentive.name,
        display_name=incentive.display_name,
        award_budget=budget_name(incentive.organisation, incentive.budget),
        amount=incentive.amount,
        monthly_quantity=incentive.monthly_quantity,
        monthly_quantity_per_person=incentive.monthly_quantity_per_person,
        start_time=timestamp(incentive.start_time) if incentive.start_time else None,
        end_time=timestamp(incentive.end_time) if incentive.end_time else None,
        reviewer=write_approver(reviewer, incentive.organisation) if reviewer else None,
        create_time=timestamp(incentive.create_time),
    )


def write_claim(claim: Claim) -> pb.Claim:
    """The contract's claim."""
    organisation = claim.made.organisation

    def name(person: str) -> str:
        return person_name(organisation, person) if person else ""

    return pb.Claim(
        name=claim.name,
        person=name(claim.made.person),
        proof=claim.made.proof,
        external_reference=claim.made.external_reference,
        state=_STATES[claim.state],
        reviewer=name(claim.reviewer),
        decided_by=name(claim.decided_by),
        on_behalf_of=name(claim.right_of),
        comment=claim.comment,
        payout=write_payout(claim.progress) if claim.progress else None,
        create_time=timestamp(claim.create_time),
    )
