"""Recognitions, to and from the contract's messages."""

from __future__ import annotations

from collections.abc import Collection

from guerdon.recognition.v1 import recognition_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc.messages import timestamp
from recognition.domain.changes import Change
from recognition.domain.comments import Echo
from recognition.domain.editing import FIELDS, changed_fields
from recognition.domain.people import person_name
from recognition.domain.recognitions import RECEIVERS_MAX, TEAMS_MAX, Draft, Recognition, Visibility
from recognition.domain.takings import Recovery, TakingPolicy
from recognition.domain.teams import team_name
from recognition.operations.previewing import Preview
from recognition.servicer.comments import write_count
from recognition.servicer.fairness import write_finding
from recognition.servicer.naming import optional_person_id, person_id, team_id

VISIBILITIES = {
    pb.VISIBILITY_PUBLIC: Visibility.PUBLIC,
    pb.VISIBILITY_TEAM: Visibility.TEAM,
    pb.VISIBILITY_PRIVATE: Visibility.PRIVATE,
}
_VISIBILITY_NUMBERS = {visibility: number for number, visibility in VISIBILITIES.items()}
_POLICIES = {
    pb.TAKING_POLICY_UNSPECIFIED: TakingPolicy.UNSPENT,
    pb.TAKING_POLICY_UNSPENT: TakingPolicy.UNSPENT,
    pb.TAKING_POLICY_WITHIN_BALANCE: TakingPolicy.WITHIN_BALANCE,
    pb.TAKING_POLICY_REFUSE: TakingPolicy.REFUSE,
}


def read_draft(message: pb.Recognition, organisation: str, fields: Collection[str] = FIELDS) -> Draft:
    """A recognition to give, or what an edit of these fields makes of one; the giver is empty where none is named."""
    if len(message.receivers) > RECEIVERS_MAX:
        raise InvalidField.of("recognition.receivers", "must be 1 to 100")
    if len(message.teams) > TEAMS_MAX:
        raise InvalidField.of("recognition.teams", f"must be at most {TEAMS_MAX}")
    visibility = VISIBILITIES.get(message.visibility)
    if visibility is None:
        if "visibility" in fields:
            raise InvalidField.of("recognition.visibility", "must be PUBLIC, TEAM or PRIVATE")
        visibility = Visibility.PRIVATE
    return Draft(
        organisation=organisation,
        giver=optional_person_id(message.giver, organisation, "recognition.giver") or "",
        receivers=tuple(
            person_id(name, organisation, f"recognition.receivers[{index}]")
            for index, name in enumerate(message.receivers)
        ),
        amount=message.amount,
        message=message.message,
        values=tuple(message.values),
        visibility=visibility,
        teams=tuple(
            team_id(name, organisation, f"recognition.teams[{index}]")
            for index, name in enumerate(dict.fromkeys(message.teams))
        ),
    )


def read_policy(
    policy: pb.TakingPolicy.ValueType, allowed: Collection[TakingPolicy] = tuple(TakingPolicy)
) -> TakingPolicy:
    """What happens where points to take back are gone."""
    found = _POLICIES.get(policy)
    if found not in allowed or found is None:
        raise InvalidField.of("taking_policy", f"must be {' or '.join(one.name for one in allowed)}")
    return found


def write_recognition(recognition: Recognition, echo: Echo) -> pb.Recognition:
    """The contract's recognition, with what was said to it."""
    message = _content(recognition.draft)
    message.name = recognition.name
    message.create_time.CopyFrom(timestamp(recognition.create_time))
    message.transactions.extend(recognition.transactions)
    message.teams.extend(team_name(recognition.draft.organisation, team) for team in recognition.teams)
    if recognition.edit_time is not None:
        message.edit_time.CopyFrom(timestamp(recognition.edit_time))
    message.comment_count = echo.comments
    message.reactions.extend(map(write_count, echo.reactions))
    return message


def write_preview(preview: Preview) -> pb.PreviewRecognitionResponse:
    """The contract's preview."""
    draft = preview.draft
    return pb.PreviewRecognitionResponse(
        recognition=_content(draft),
        total_amount=draft.total,
        available_amount=preview.available,
        remaining_amount=max(0, preview.available - draft.total),
        refusals=[
            pb.Refusal(reason=one.reason, message=one.public_message, metadata=one.metadata) for one in preview.refusals
        ],
        findings=[write_finding(draft.organisation, finding) for finding in preview.findings],
    )


def write_edit(change: Change) -> pb.RecognitionEdit:
    """The contract's edit."""
    new = change.new
    assert new.before is not None, "an edit knows what was before"
    assert new.after is not None, "and what it makes"
    return pb.RecognitionEdit(
        edit_time=timestamp(new.create_time),
        editor=person_name(new.organisation, new.person) if new.person else "",
        changed_fields=changed_fields(new.before, new.after),
        before=_content(new.before),
        after=_content(new.after),
    )


def write_recovery(organisation: str, recovery: Recovery) -> pb.Recovery:
    """The contract's recovery."""
    return pb.Recovery(
        giver=person_name(organisation, recovery.giver),
        receiver=person_name(organisation, recovery.receiver),
        amount=recovery.amount,
        recovered_amount=recovery.recovered,
        missing_amount=recovery.amount - recovery.recovered,
    )


def _content(draft: Draft) -> pb.Recognition:
    return pb.Recognition(
        giver=person_name(draft.organisation, draft.giver),
        receivers=[person_name(draft.organisation, receiver) for receiver in draft.receivers],
        amount=draft.amount,
        message=draft.message,
        values=draft.values,
        visibility=_VISIBILITY_NUMBERS[draft.visibility],
        mentions=[person_name(draft.organisation, person) for person in draft.mentioned],
    )
