"""What others are told of a public recognition: names and numbers. The thanks themselves are for the feed only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guerdon_kit.events import Event
from recognition.domain.changes import ChangeKind, NewChange
from recognition.domain.people import person_name
from recognition.domain.recognitions import Draft, Recognition, Visibility

PREFIX = "guerdon.recognition.v1."
_CREATED, _EDITED, _HIDDEN, _DELETED, _ADD_ON_CREATED = TYPES = (
    f"{PREFIX}recognition_created",
    f"{PREFIX}recognition_edited",
    f"{PREFIX}recognition_hidden",
    f"{PREFIX}recognition_deleted",
    f"{PREFIX}recognition_add_on_created",
)
"""The types of the events of public recognitions."""
TAKEN_BACK = frozenset({_HIDDEN, _DELETED})
"""Those after which a recognition is nobody's to know any more."""


def event(change: NewChange, before: Recognition) -> Event | None:
    """What is told of a change of a recognition that was as `before`; None where it is nobody's to know.

    One that others no longer see is told of as hidden, by its name alone; one that they see only now, as created.
    """
    match change.kind:
        case ChangeKind.CREATE:
            return _event(change, _CREATED, before, _content(before.draft)) if before.public else None
        case ChangeKind.DELETE:
            return _event(change, _DELETED, before, _content(before.draft)) if before.public else None
        case ChangeKind.ADD_ON:
            return _event(change, _ADD_ON_CREATED, before, _add_on(change)) if before.public else None
        case ChangeKind.EDIT:
            return _edited(change, before)


def _edited(change: NewChange, before: Recognition) -> Event | None:
    assert change.after is not None, "an edit knows what it makes"
    after_public = change.after.visibility is Visibility.PUBLIC
    if before.public and not after_public:
        return _event(change, _HIDDEN, before, {})
    if not after_public:
        return None
    kind = _EDITED if before.public else _CREATED
    return _event(change, kind, before, _content(change.after))


def _event(change: NewChange, kind: str, recognition: Recognition, data: Mapping[str, Any]) -> Event:
    name = recognition.name
    return Event(type=kind, subject=name, key=name, time=change.create_time, data=data)


def _content(draft: Draft) -> Mapping[str, Any]:
    return {
        "giver": person_name(draft.organisation, draft.giver),
        "receivers": [person_name(draft.organisation, receiver) for receiver in draft.receivers],
        "amount": draft.amount,
        "values": list(draft.values),
    }


def _add_on(change: NewChange) -> Mapping[str, Any]:
    return {
        "giver": person_name(change.organisation, change.giver),
        "receivers": [person_name(change.organisation, receiver) for receiver in change.receivers],
        "amount": change.amounts[0],
    }
