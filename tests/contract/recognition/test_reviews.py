"""What a fairness policy holds: reserved, seen by few, decided once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from guerdon import Client, NotFoundError, PermissionDeniedError, RefusedError, new_request_id, was_replayed
from guerdon.ledger.v1 import ledger_pb2 as ledger
from guerdon.recognition.v1 import fairness_pb2 as fair
from guerdon.recognition.v1 import organisations_pb2 as orgs
from guerdon.recognition.v1 import recognition_pb2 as recs
from guerdon.recognition.v1 import reviews_pb2 as pb
from tests.contract.recognition.test_changes import addition, delete, deletion, edit
from tests.contract.recognition.test_fairness import pair_points, set_policies
from tests.contract.recognition.world import Employer

HOLD = fair.FAIRNESS_MODE_HOLD
APPROVED, REJECTED = pb.REVIEW_STATE_APPROVED, pb.REVIEW_STATE_REJECTED
OUTDATED = pb.REVIEW_STATE_OUTDATED
READ, WRITE = "recognition.reviews.read", "recognition.reviews.write"


@pytest.fixture
async def held(employer: Employer) -> recs.CreateRecognitionResponse:
    """Ann gives ben 40, which is more than goes without a look; mia is a manager."""
    mia = employer.new_person("mia")
    mia.role = orgs.ROLE_MANAGER
    await employer.admin.organisations.CreatePerson(orgs.CreatePersonRequest(person=mia, request_id=new_request_id()))
    await set_policies(employer, pair_points(30, HOLD), pair_points(100))
    return await employer.admin.recognition.CreateRecognition(employer.thanks("ann", ["ben"], 40, request_id="held"))


def decision(review: str, decided: pb.ReviewState.ValueType, note: str = "") -> pb.ReviewRecognitionRequest:
    return pb.ReviewRecognitionRequest(name=review, decision=decided, note=note, request_id=new_request_id())


async def reviews(
    employer: Employer, client: Client, state: pb.ReviewState.ValueType = pb.REVIEW_STATE_UNSPECIFIED
) -> list[pb.Review]:
    request = pb.ListReviewsRequest(parent=employer.name, state=state)
    return list((await client.reviews.ListReviews(request)).reviews)


async def test_what_is_held_is_reserved_and_seen_by_its_giver_and_reviewers(
    employer: Employer, held: recs.CreateRecognitionResponse
) -> None:
    assert [(finding.mode, finding.limit) for finding in held.findings] == [(HOLD, 30)]
    assert held.review.startswith(f"{employer.name}/reviews/")
    assert not held.recognition.transactions
    assert (await employer.left("ann"), await employer.earned("ben")) == (160, 0)
    for person, seen in [("ann", 1), ("ben", 0), ("mia", 1)]:
        client = employer.own_client(person, READ)
        assert len(await reviews(employer, client)) == seen
        assert not (await employer.feed(client)).recognitions
    [review] = await reviews(employer, employer.admin, pb.REVIEW_STATE_HELD)
    assert (review.name, review.recognition, review.message) == (held.review, held.recognition.name, "Thank you")
    assert (review.giver, list(review.receivers), review.amount) == (
        employer.person("ann"),
        [employer.person("ben")],
        40,
    )
    assert list(review.findings) == list(held.findings)
    with pytest.raises(PermissionDeniedError):
        await reviews(employer, employer.own_client("stranger", READ))


async def test_what_is_approved_is_given_once_as_of_when_it_was_made(
    employer: Employer, held: recs.CreateRecognitionResponse
) -> None:
    mia = employer.own_client("mia", READ, WRITE)
    request = decision(held.review, APPROVED, "They closed the books together")
    approved = (await mia.reviews.ReviewRecognition(request)).review
    assert (approved.state, approved.reviewer, approved.note) == (APPROVED, employer.person("mia"), request.note)
    assert not approved.message, "the words are for who sees the recognition now"
    assert approved.HasField("review_time")
    again = mia.reviews.ReviewRecognition(request)
    assert (await again).review == approved
    assert await was_replayed(again)
    assert (await employer.left("ann"), await employer.earned("ben")) == (160, 40)
    [seen] = (await employer.feed()).recognitions
    assert (seen.name, seen.create_time) == (held.recognition.name, held.recognition.create_time)
    assert seen.transactions
    for decided in (APPROVED, REJECTED):
        with pytest.raises(RefusedError) as refusal:
            await mia.reviews.ReviewRecognition(decision(held.review, decided))
        assert (refusal.value.reason, refusal.value.metadata) == ("ALREADY_REVIEWED", {"review": held.review})


async def test_what_is_rejected_goes_back_and_leaves_its_room(
    employer: Employer, held: recs.CreateRecognitionResponse
) -> None:
    with pytest.raises(RefusedError) as refusal:
        await employer.give("ann", ["ben"], 61)
    assert refusal.value.metadata["used"] == "40", "what is held counts"
    rejected = (await employer.admin.reviews.ReviewRecognition(decision(held.review, REJECTED))).review
    assert (rejected.state, rejected.reviewer) == (REJECTED, "")
    assert (await employer.left("ann"), await employer.earned("ben")) == (200, 0)
    request = employer.thanks("ann", ["ben"], 40, request_id="held")
    with pytest.raises(RefusedError) as refusal:
        await employer.admin.recognition.CreateRecognition(request)
    assert refusal.value.reason == "RECOGNITION_REJECTED"
    await employer.give("ann", ["ben"], 30)
    assert len((await employer.feed()).recognitions) == 1


async def test_only_an_admin_or_a_manager_whom_it_does_not_concern_decides(
    employer: Employer, held: recs.CreateRecognitionResponse
) -> None:
    with pytest.raises(PermissionDeniedError) as refusal:
        await employer.own_client("dan", WRITE).reviews.ReviewRecognition(decision(held.review, APPROVED))
    assert refusal.value.reason == "ROLE_REQUIRED"
    await employer.grant()
    by_mia = await employer.admin.recognition.CreateRecognition(employer.thanks("mia", ["ben"], 31))
    mia = employer.own_client("mia", WRITE)
    for decided in (APPROVED, REJECTED):
        with pytest.raises(PermissionDeniedError) as refusal:
            await mia.reviews.ReviewRecognition(decision(by_mia.review, decided))
        assert refusal.value.reason == "REVIEWER_CONCERNED"


async def test_a_manager_learns_of_what_they_would_receive_once_it_is_approved(
    employer: Employer, held: recs.CreateRecognitionResponse
) -> None:
    given = [await employer.admin.recognition.CreateRecognition(employer.thanks("ann", ["mia", "ben"], 31))]
    given.append(await employer.admin.recognition.CreateRecognition(employer.thanks("dan", ["mia"], 31)))
    mia = employer.own_client("mia", READ, WRITE)
    assert [one.name for one in await reviews(employer, mia)] == [held.review]
    for one in given:
        with pytest.raises(NotFoundError):
            await mia.reviews.ReviewRecognition(decision(one.review, APPROVED))
    assert len(await reviews(employer, employer.own_client("ann", READ))) == 2, "as who gave"
    for one, decided in zip(given, (APPROVED, REJECTED), strict=True):
        await employer.admin.reviews.ReviewRecognition(decision(one.review, decided))
    assert [one.name for one in await reviews(employer, mia)] == [given[0].review, held.review]
    assert await employer.earned("mia") == 31


async def test_of_two_who_decide_at_once_one_does(employer: Employer, held: recs.CreateRecognitionResponse) -> None:
    outcomes = await asyncio.gather(
        *(
            employer.admin.reviews.ReviewRecognition(decision(held.review, decided))
            for decided in (APPROVED, REJECTED, APPROVED, REJECTED)
        ),
        return_exceptions=True,
    )
    refusals = [outcome for outcome in outcomes if isinstance(outcome, RefusedError)]
    assert [refusal.reason for refusal in refusals] == ["ALREADY_REVIEWED"] * 3
    assert (await employer.left("ann"), await employer.earned("ben")) in [(200, 0), (160, 40)]


async def test_what_is_held_has_the_days_of_when_it_was_made(employer: Employer) -> None:
    for days in (3, 90):
        await set_policies(employer, pair_points(30, HOLD), review_days=days)
        await employer.give("ann", ["ben"], 31)
    lasting = [
        one.deadline.ToDatetime() - one.create_time.ToDatetime() for one in await reviews(employer, employer.admin)
    ]
    assert lasting == [timedelta(days=90), timedelta(days=3)]


async def test_an_add_on_is_held_too_and_goes_back_once_its_recognition_is_gone(employer: Employer) -> None:
    given = await employer.give("cleo", ["ben"], 10)
    await set_policies(employer, pair_points(30, HOLD))
    one, two = [await employer.admin.add_ons.CreateAddOn(addition(employer, given, who, 40)) for who in ("ann", "dan")]
    assert await employer.earned("ben") == 10
    await employer.admin.reviews.ReviewRecognition(decision(one.review, APPROVED))
    assert await employer.earned("ben") == 50
    assert await delete(employer, given) == [("cleo", "ben", 10, 10, 0), ("ann", "ben", 40, 40, 0)]
    assert [await employer.left(who) for who in ("ann", "dan")] == [200, 200]
    assert await employer.earned("ben") == 0
    [outdated] = await reviews(employer, employer.admin, OUTDATED)
    assert (outdated.name, outdated.reviewer, outdated.HasField("review_time")) == (two.review, "", True)
    for decided in (APPROVED, REJECTED):
        with pytest.raises(RefusedError) as refusal:
            await employer.admin.reviews.ReviewRecognition(decision(two.review, decided))
        assert refusal.value.reason == ("REVIEW_OUTDATED" if decided == APPROVED else "ALREADY_REVIEWED")


async def test_an_edit_sends_back_the_add_ons_that_wait_for_who_is_removed(employer: Employer) -> None:
    given = await employer.give("ann", ["ben", "cleo"], 10)
    await set_policies(employer, pair_points(30, HOLD))
    for receivers in (["ben"], ["cleo"], ["ben", "cleo"]):
        await employer.admin.add_ons.CreateAddOn(addition(employer, given, "dan", 40, receivers))
    assert await employer.left("dan") == 40
    with pytest.raises(RefusedError) as refusal:
        await edit(employer, given, "receivers", "amount", receivers=["cleo"], amount=500)
    assert refusal.value.reason == "FAIRNESS_PAIR_POINTS"
    await set_policies(employer)
    with pytest.raises(RefusedError) as refusal:
        await edit(employer, given, "receivers", "amount", receivers=["cleo"], amount=500)
    assert refusal.value.reason == "INSUFFICIENT_ALLOWANCE"
    assert await employer.left("dan") == 40, "what is refused changes nothing"
    await edit(employer, given, "receivers", receivers=["cleo"])
    assert await employer.left("dan") == 160
    states = [one.state for one in await reviews(employer, employer.admin)]
    assert states == [OUTDATED, pb.REVIEW_STATE_HELD, OUTDATED]
    [waiting] = await reviews(employer, employer.admin, pb.REVIEW_STATE_HELD)
    await employer.admin.reviews.ReviewRecognition(decision(waiting.name, APPROVED))
    assert [await employer.earned(who) for who in ("ben", "cleo")] == [0, 50]


async def test_who_adds_onto_what_is_not_theirs_to_see_by_now_does_not_read_it_in_their_review(
    employer: Employer,
) -> None:
    given = await employer.give("cleo", ["ben"], 10)
    await set_policies(employer, pair_points(30, HOLD))
    await employer.admin.add_ons.CreateAddOn(addition(employer, given, "ann", 31))
    ann = employer.own_client("ann", READ)
    assert [one.message for one in await reviews(employer, ann)] == ["Thank you"]
    await edit(employer, given, "visibility", visibility=recs.VISIBILITY_PRIVATE)
    await edit(employer, given, "message", message="Between us")
    assert [one.message for one in await reviews(employer, ann)] == [""]
    assert [one.message for one in await reviews(employer, employer.admin)] == ["Between us"]


async def test_an_add_on_that_is_decided_about_while_its_recognition_ends_counts_once(employer: Employer) -> None:
    given = await employer.give("cleo", ["ben"], 10)
    await set_policies(employer, pair_points(30, HOLD))
    held = [(await employer.admin.add_ons.CreateAddOn(addition(employer, given, "ann", 31))).review for _ in range(6)]
    late = [employer.admin.add_ons.CreateAddOn(addition(employer, given, "dan", 31)) for _ in range(3)]
    deciding = [
        employer.admin.reviews.ReviewRecognition(decision(one, (APPROVED, REJECTED)[place % 2]))
        for place, one in enumerate(held)
    ]
    deleting = employer.admin.recognition.DeleteRecognition(deletion(given))
    await asyncio.gather(*deciding[:3], *late, deleting, *deciding[3:], return_exceptions=True)
    await deleting
    assert [await employer.left(who) for who in ("ann", "cleo", "dan")] == [200, 200, 200]
    assert await employer.earned("ben") == 0
    assert await reviews(employer, employer.admin, pb.REVIEW_STATE_HELD) == []


@pytest.mark.parametrize("decided", [APPROVED, REJECTED])
async def test_what_was_sent_back_by_hand_is_rejected_whatever_is_decided(
    employer: Employer, held: recs.CreateRecognitionResponse, decided: pb.ReviewState.ValueType
) -> None:
    listed = await employer.bank.ledger.ListTransactions(ledger.ListTransactionsRequest(parent=employer.program))
    [reservation] = [one for one in listed.transactions if one.memo == held.recognition.name]
    await employer.bank.ledger.ReverseTransaction(
        ledger.ReverseTransactionRequest(name=reservation.name, request_id=new_request_id())
    )
    review = (await employer.admin.reviews.ReviewRecognition(decision(held.review, decided))).review
    assert review.state == REJECTED
    assert (await employer.left("ann"), await employer.earned("ben")) == (200, 0)


async def test_what_an_allowance_does_not_reach_for_is_not_held(employer: Employer) -> None:
    await set_policies(employer, pair_points(30, HOLD))
    with pytest.raises(RefusedError) as refusal:
        await employer.give("ann", ["ben"], 201)
    assert refusal.value.reason == "INSUFFICIENT_ALLOWANCE"
    assert await reviews(employer, employer.admin) == []
