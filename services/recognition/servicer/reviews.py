"""Reviews: proto in, operation, proto out."""

from __future__ import annotations

from collections.abc import Iterable

from guerdon.recognition.v1 import reviews_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import timestamp
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from recognition.domain.changes import ChangeKey, ChangeKind
from recognition.domain.fairness import Finding, Mode
from recognition.domain.people import person_name
from recognition.domain.reviews import Reviewed, ReviewState
from recognition.operations.reviewing import Reviewing
from recognition.servicer.fairness import write_finding
from recognition.servicer.naming import ORGANISATION, acting, tell_replay

_REVIEW = "organisations/{organisation}/reviews/{review}"
_NEWEST = 2**63 - 1
_DECISIONS = {
    pb.REVIEW_STATE_APPROVED: ReviewState.APPROVED,
    pb.REVIEW_STATE_REJECTED: ReviewState.REJECTED,
}
_STATES = {
    pb.REVIEW_STATE_UNSPECIFIED: None,
    pb.REVIEW_STATE_HELD: ReviewState.HELD,
    pb.REVIEW_STATE_OVERDUE: ReviewState.OVERDUE,
    pb.REVIEW_STATE_OUTDATED: ReviewState.OUTDATED,
    **_DECISIONS,
}
_STATE_NUMBERS = {state: number for number, state in _STATES.items() if state is not None}


class ReviewServicer:
    """`guerdon.recognition.v1.ReviewService`."""

    service = pb.DESCRIPTOR.services_by_name["ReviewService"]

    def __init__(self, reviewing: Reviewing) -> None:
        self._reviewing = reviewing

    async def list_reviews(self, request: pb.ListReviewsRequest, call: CallContext) -> pb.ListReviewsResponse:
        """Lists reviews."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        if request.state not in _STATES:
            raise InvalidField.of("state", "must be one of the states that the contract names")
        size = page_size(request.page_size)
        query = (call.method, request.parent, str(request.state))
        before = int(read_token(request.page_token, query, (int,))[0]) if request.page_token else _NEWEST
        found = await self._reviewing.list_before(
            organisation, _STATES[request.state], before, size + 1, acting(call.caller)
        )
        more = len(found) > size
        return pb.ListReviewsResponse(
            reviews=map(_write, found[:size]),
            next_page_token=write_token(query, (found[size - 1].number,)) if more else "",
        )

    async def review_recognition(
        self, request: pb.ReviewRecognitionRequest, call: CallContext
    ) -> pb.ReviewRecognitionResponse:
        """Decides."""
        organisation, change = parse(request.name, _REVIEW)
        if request.decision not in _DECISIONS:
            raise InvalidField.of("decision", "must be APPROVED or REJECTED")
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        key = ChangeKey(organisation, change)
        decided, replayed = await self._reviewing.decide(
            fingerprint, key, _DECISIONS[request.decision], request.note, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.ReviewRecognitionResponse(review=_write(decided))


def review_of(key: ChangeKey, findings: Iterable[Finding]) -> str:
    """The name of the review that a change with these findings waits for; empty where it waits for none."""
    return _name(key) if any(finding.mode is Mode.HOLD for finding in findings) else ""


def _name(key: ChangeKey) -> str:
    return f"organisations/{key.organisation}/reviews/{key.change}"


def _write(found: Reviewed) -> pb.Review:
    change, review = found.change.new, found.review
    return pb.Review(
        name=_name(change.key),
        recognition=f"organisations/{change.organisation}/recognitions/{change.recognition}",
        add_on=change.kind is ChangeKind.ADD_ON,
        giver=person_name(change.organisation, change.giver),
        receivers=[person_name(change.organisation, receiver) for receiver in change.receivers],
        amount=change.amounts[0],
        message=found.message,
        findings=[write_finding(change.organisation, finding) for finding in found.findings],
        state=_STATE_NUMBERS[review.state],
        create_time=timestamp(change.create_time),
        reviewer=person_name(change.organisation, review.reviewer) if review.reviewer else "",
        note=review.note,
        review_time=None if review.review_time is None else timestamp(review.review_time),
        deadline=None if review.deadline is None else timestamp(review.deadline),
    )
