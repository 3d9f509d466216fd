"""Recognitions: proto in, operation, proto out."""

from __future__ import annotations

from datetime import timedelta
from itertools import starmap

from google.protobuf.duration_pb2 import Duration

from guerdon.recognition.v1 import recognition_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.grpc.messages import instant
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from recognition.domain.changes import ChangeKey
from recognition.domain.comments import Echo
from recognition.domain.editing import FIELDS
from recognition.domain.recognitions import Wanted
from recognition.domain.takings import TakingPolicy
from recognition.operations.deleting import Deleting
from recognition.operations.editing import Editing
from recognition.operations.fairness import Fairness
from recognition.operations.giving import Giving
from recognition.operations.previewing import Previewing
from recognition.operations.settings import RecognitionSettings
from recognition.operations.viewing import Viewing
from recognition.servicer.fairness import write_finding
from recognition.servicer.naming import ORGANISATION, RECOGNITION, acting, optional_person_id, team_id, tell_replay
from recognition.servicer.recognition_messages import (
    read_draft,
    read_policy,
    write_edit,
    write_preview,
    write_recognition,
    write_recovery,
)
from recognition.servicer.reviews import review_of

_SETTINGS = "organisations/{organisation}/recognitionSettings"


class RecognitionServicer:
    """`guerdon.recognition.v1.RecognitionService`."""

    service = pb.DESCRIPTOR.services_by_name["RecognitionService"]

    def __init__(
        self,
        giving: Giving,
        previewing: Previewing,
        editing: Editing,
        deleting: Deleting,
        viewing: Viewing,
        settings: RecognitionSettings,
        fairness: Fairness,
    ) -> None:
        self._giving = giving
        self._previewing = previewing
        self._editing = editing
        self._deleting = deleting
        self._viewing = viewing
        self._settings = settings
        self._fairness = fairness

    async def create_recognition(
        self, request: pb.CreateRecognitionRequest, call: CallContext
    ) -> pb.CreateRecognitionResponse:
        """Gives."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        draft = read_draft(request.recognition, organisation)
        fingerprint = Fingerprint.of(call, request, request.parent)
        given, replayed = await self._giving.create(fingerprint, draft, acting(call.caller))
        tell_replay(call, replayed)
        key = ChangeKey(organisation, given.id)
        findings = await self._fairness.findings(key)
        echo = await self._viewing.echo(given, acting(call.caller)) if replayed else Echo()
        return pb.CreateRecognitionResponse(
            recognition=write_recognition(given, echo),
            findings=[write_finding(organisation, finding) for finding in findings],
            review=review_of(key, findings),
        )

    async def preview_recognition(
        self, request: pb.PreviewRecognitionRequest, call: CallContext
    ) -> pb.PreviewRecognitionResponse:
        """Says what giving would come to."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        draft = read_draft(request.recognition, organisation)
        return write_preview(await self._previewing.preview(draft, acting(call.caller)))

    async def update_recognition(
        self, request: pb.UpdateRecognitionRequest, call: CallContext
    ) -> pb.UpdateRecognitionResponse:
        """Edits."""
        organisation, recognition = parse(request.recognition.name, RECOGNITION, "recognition.name")
        fields = frozenset(request.update_mask.paths)
        if not fields or not fields <= set(FIELDS):
            raise InvalidField.of("update_mask", f"must be some of {', '.join(FIELDS)}")
        wanted = read_draft(request.recognition, organisation, fields)
        policy = read_policy(request.taking_policy, (TakingPolicy.UNSPENT, TakingPolicy.WITHIN_BALANCE))
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        edited, recoveries, replayed = await self._editing.edit(
            fingerprint, recognition, wanted, fields, policy, acting(call.caller)
        )
        tell_replay(call, replayed)
        echo = await self._viewing.echo(edited, acting(call.caller))
        return pb.UpdateRecognitionResponse(
            recognition=write_recognition(edited, echo),
            recoveries=[write_recovery(organisation, recovery) for recovery in recoveries],
        )

    async def delete_recognition(
        self, request: pb.DeleteRecognitionRequest, call: CallContext
    ) -> pb.DeleteRecognitionResponse:
        """Takes a recognition back."""
        organisation, recognition = parse(request.name, RECOGNITION)
        policy = read_policy(request.taking_policy)
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        recoveries, replayed = await self._deleting.delete(
            fingerprint, organisation, recognition, policy, acting(call.caller)
        )
        tell_replay(call, replayed)
        return pb.DeleteRecognitionResponse(
            recoveries=[write_recovery(organisation, recovery) for recovery in recoveries]
        )

    async def list_recognition_edits(
        self, request: pb.ListRecognitionEditsRequest, call: CallContext
    ) -> pb.ListRecognitionEditsResponse:
        """The history of a recognition."""
        organisation, recognition = parse(request.parent, RECOGNITION, "parent")
        edits = await self._editing.history(organisation, recognition, acting(call.caller))
        return pb.ListRecognitionEditsResponse(edits=map(write_edit, edits))

    async def get_recognition_settings(
        self, request: pb.GetRecognitionSettingsRequest, _call: CallContext
    ) -> pb.GetRecognitionSettingsResponse:
        """Reads how recognitions are kept."""
        (organisation,) = parse(request.name, _SETTINGS)
        window = await self._settings.edit_window(organisation)
        return pb.GetRecognitionSettingsResponse(settings=_write_settings(organisation, window))

    async def update_recognition_settings(
        self, request: pb.UpdateRecognitionSettingsRequest, call: CallContext
    ) -> pb.UpdateRecognitionSettingsResponse:
        """Says how they are kept."""
        (organisation,) = parse(request.settings.name, _SETTINGS, "settings.name")
        fingerprint = Fingerprint.of(call, request, f"organisations/{organisation}")
        window, replayed = await self._settings.set_edit_window(
            fingerprint, organisation, _window(request.settings.edit_window), call.caller.actor
        )
        tell_replay(call, replayed)
        return pb.UpdateRecognitionSettingsResponse(settings=_write_settings(organisation, window))

    async def get_recognition(self, request: pb.GetRecognitionRequest, call: CallContext) -> pb.GetRecognitionResponse:
        """Reads a recognition."""
        organisation, recognition = parse(request.name, RECOGNITION)
        viewer = optional_person_id(request.viewer, organisation, "viewer")
        found, echo = await self._viewing.get(organisation, recognition, viewer, acting(call.caller))
        return pb.GetRecognitionResponse(recognition=write_recognition(found, echo))

    async def list_recognitions(
        self, request: pb.ListRecognitionsRequest, call: CallContext
    ) -> pb.ListRecognitionsResponse:
        """The feed."""
        (organisation,) = parse(request.parent, ORGANISATION, "parent")
        found, next_token = await self._viewing.list_feed(
            organisation,
            _read_wanted(request, organisation),
            viewer=optional_person_id(request.viewer, organisation, "viewer"),
            acting=acting(call.caller),
            size=request.page_size,
            token=request.page_token,
        )
        return pb.ListRecognitionsResponse(recognitions=starmap(write_recognition, found), next_page_token=next_token)


def _read_wanted(request: pb.ListRecognitionsRequest, organisation: str) -> Wanted:
    return Wanted(
        value=request.value or None,
        person=optional_person_id(request.person, organisation, "person"),
        giver=optional_person_id(request.giver, organisation, "giver"),
        receiver=optional_person_id(request.receiver, organisation, "receiver"),
        team=team_id(request.team, organisation, "team") if request.team else None,
        since=instant(request.start_time, "start_time") if request.HasField("start_time") else None,
        until=instant(request.end_time, "end_time") if request.HasField("end_time") else None,
        words=request.query or None,
    )


def _window(message: Duration) -> timedelta:
    """Raises InvalidField where it is no duration."""
    try:
        return message.ToTimedelta()
    except (ValueError, OverflowError):
        raise InvalidField.of("settings.edit_window", "is not a duration") from None


def _write_settings(organisation: str, window: timedelta) -> pb.RecognitionSettings:
    settings = pb.RecognitionSettings(name=f"organisations/{organisation}/recognitionSettings")
    settings.edit_window.FromTimedelta(window)
    return settings
