"""Incentives: claimed with proof, so often a month and no more."""

from __future__ import annotations

import asyncio

import pytest

from guerdon import GuerdonError, InvalidRequestError, NotFoundError, RefusedError, new_request_id, was_replayed
from guerdon.recognition.v1 import approvals_pb2 as approvals
from guerdon.recognition.v1 import incentives_pb2 as pb
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import payouts_pb2 as payouts
from tests.contract.recognition.awarding import Awarding
from tests.contract.recognition.world import Employer, World


async def offer(awarding: Awarding, incentive: str, **fields: object) -> str:
    """Offers an incentive of 20 points; answers its name."""
    message = pb.Incentive(
        name=f"{awarding.employer.name}/incentives/{incentive}",
        award_budget=awarding.budget,
        amount=20,
        **fields,  # type: ignore[arg-type]  # fields of an incentive
    )
    await awarding.employer.admin.incentives.CreateIncentive(
        pb.CreateIncentiveRequest(incentive=message, request_id=new_request_id())
    )
    return message.name


def request(employer: Employer, incentive: str, person: str, reference: str) -> pb.ClaimIncentiveRequest:
    """A claim of a sale."""
    return pb.ClaimIncentiveRequest(
        parent=incentive,
        claim=pb.Claim(person=employer.person(person), external_reference=reference),
        request_id=new_request_id(),
    )


async def claim(employer: Employer, incentive: str, person: str, reference: str) -> pb.Claim:
    """Claims, on somebody's behalf."""
    return (await employer.admin.incentives.ClaimIncentive(request(employer, incentive, person, reference))).claim


async def approve(employer: Employer, name: str, person: str) -> pb.Claim:
    """Approves a claim, on the reviewer's behalf."""
    asked = pb.ApproveClaimRequest(name=name, person=employer.person(person), request_id=new_request_id())
    return (await employer.admin.incentives.ApproveClaim(asked)).claim


async def reject(employer: Employer, name: str, person: str) -> pb.Claim:
    """Rejects a claim, on the reviewer's behalf."""
    asked = pb.RejectClaimRequest(
        name=name, person=employer.person(person), comment="No such sale", request_id=new_request_id()
    )
    return (await employer.admin.incentives.RejectClaim(asked)).claim


async def test_of_a_hundred_who_claim_the_last_ten_ten_get_it(world: World) -> None:
    people = tuple(f"p{number}" for number in range(100))
    employer = await world.employer(people=people, granted=False)
    awarding = await Awarding.of(employer, 10_000)
    incentive = await offer(awarding, "target", monthly_quantity=10)
    outcomes = await asyncio.gather(
        *(claim(employer, incentive, person, person) for person in people), return_exceptions=True
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert (len(refusals), {refusal.reason for refusal in refusals}) == (90, {"INCENTIVE_EXHAUSTED"})
    assert {(refusal.metadata["limit"], refusal.metadata["used"]) for refusal in refusals} == {("10", "10")}
    assert await awarding.standing() == (10_000 - 10 * 20, 0)
    read = await employer.admin.incentives.GetIncentive(pb.GetIncentiveRequest(name=incentive))
    assert read.claimed_quantity == 10


async def test_each_person_and_each_reference_count_as_often_as_they_may(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    incentive = await offer(awarding, "sale", monthly_quantity_per_person=2)
    asked = request(employer, incentive, "ann", "sale-1")
    first = await employer.admin.incentives.ClaimIncentive(asked)
    assert first.claim.payout.state == payouts.PAYOUT_STATE_PAID
    again = employer.admin.incentives.ClaimIncentive(asked)
    assert (await again).claim == first.claim
    assert await was_replayed(again)
    with pytest.raises(RefusedError) as claimed:
        await claim(employer, incentive, "ben", "sale-1")
    assert claimed.value.reason == "REFERENCE_CLAIMED"
    await claim(employer, incentive, "ann", "sale-2")
    with pytest.raises(RefusedError) as exhausted:
        await claim(employer, incentive, "ann", "sale-3")
    assert exhausted.value.reason == "INCENTIVE_EXHAUSTED_FOR_PERSON"
    await claim(employer, incentive, "ben", "sale-3")
    assert [await employer.earned(person) for person in ("ann", "ben")] == [40, 20]


async def test_a_claim_is_paid_once_reviewed_and_a_rejected_one_frees_its_place(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    await awarding.appoint("cleo", role=orgs.ROLE_ADMIN)
    reviewer = approvals.Approver(role=orgs.ROLE_ADMIN)
    incentive = await offer(awarding, "training", monthly_quantity=1, reviewer=reviewer)
    first = await claim(employer, incentive, "ann", "course-1")
    assert (first.state, first.HasField("payout")) == (pb.CLAIM_STATE_IN_REVIEW, False)
    with pytest.raises(RefusedError):
        await claim(employer, incentive, "ben", "course-1")
    rejected = await reject(employer, first.name, "cleo")
    assert (rejected.state, rejected.comment) == (pb.CLAIM_STATE_REJECTED, "No such sale")
    second = await claim(employer, incentive, "ben", "course-1")
    for person, reason in (("ann", "NOT_APPROVER"), ("ben", "OWN_AWARD")):
        with pytest.raises(GuerdonError) as refusal:
            await approve(employer, second.name, person)
        assert refusal.value.reason == reason
    decided = await asyncio.gather(*(approve(employer, second.name, "cleo") for _ in range(4)), return_exceptions=True)
    assert sorted(isinstance(one, RefusedError) for one in decided) == [False, True, True, True]
    assert await awarding.standing() == (980, 0)
    assert [await employer.earned(person) for person in ("ann", "ben")] == [0, 20]
    for viewer in ("ben", "cleo"):
        asked = pb.GetClaimRequest(name=second.name, viewer=employer.person(viewer))
        assert (await employer.admin.incentives.GetClaim(asked)).claim.decided_by == employer.person("cleo")
    asked = pb.GetClaimRequest(name=second.name, viewer=employer.person("ann"))
    with pytest.raises(NotFoundError):
        await employer.admin.incentives.GetClaim(asked)


async def test_once_a_reviewer_has_left_an_admin_decides(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    await awarding.appoint("cleo", role=orgs.ROLE_ADMIN)
    reviewer = approvals.Approver(person=employer.person("dan"))
    made = await claim(employer, await offer(awarding, "training", reviewer=reviewer), "ann", "course-1")
    with pytest.raises(GuerdonError) as refusal:
        await approve(employer, made.name, "cleo")
    assert refusal.value.reason == "NOT_APPROVER"
    await employer.admin.organisations.DeactivatePerson(
        orgs.DeactivatePersonRequest(name=employer.person("dan"), request_id=new_request_id())
    )
    assert (await approve(employer, made.name, "cleo")).decided_by == employer.person("cleo")
    assert await employer.earned("ann") == 20


async def test_who_may_not_receive_claims_nothing_and_is_not_approved(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    await awarding.appoint("cleo", role=orgs.ROLE_ADMIN)
    incentive = await offer(awarding, "training", reviewer=approvals.Approver(role=orgs.ROLE_ADMIN))
    made = await claim(employer, incentive, "ann", "course-1")
    await awarding.appoint("ann", role=orgs.ROLE_OBSERVER)
    with pytest.raises(RefusedError) as approving:
        await approve(employer, made.name, "cleo")
    with pytest.raises(RefusedError) as claiming:
        await claim(employer, incentive, "ann", "course-2")
    assert (approving.value.reason, claiming.value.reason) == ("RECEIVING_NOT_ALLOWED", "RECEIVING_NOT_ALLOWED")
    assert await awarding.standing() == (1000, 0)


async def test_without_proof_or_out_of_its_time_nothing_is_claimed(employer: Employer) -> None:
    awarding = await Awarding.of(employer, 1000)
    incentive = await offer(awarding, "sale")
    with pytest.raises(InvalidRequestError) as invalid:
        await claim(employer, incentive, "ann", "")
    assert [violation.field for violation in invalid.value.violations] == ["claim.proof"]
    over = pb.Incentive()
    over.start_time.FromJsonString("2020-01-01T00:00:00Z")
    over.end_time.FromJsonString("2020-02-01T00:00:00Z")
    past = await offer(awarding, "past", start_time=over.start_time, end_time=over.end_time)
    with pytest.raises(RefusedError) as closed:
        await claim(employer, past, "ann", "sale-1")
    assert closed.value.reason == "INCENTIVE_NOT_OPEN"
    assert await awarding.standing() == (1000, 0)
