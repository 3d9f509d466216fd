"""What others are told of a public recognition: names and numbers. The thanks themselves are for the feed only."""

from __future__ import annotations

from guerdon_kit.events import Event
from recognition.domain.people import person_name
from recognition.domain.recognitions import Recognition

CREATED = "guerdon.recognition.v1.recognition_created"


def created(recognition: Recognition) -> Event:
    """It is given."""
    draft = recognition.draft
    return Event(
        type=CREATED,
        subject=recognition.name,
        key=recognition.name,
        time=recognition.create_time,
        data={
            "giver": person_name(draft.organisation, draft.giver),
            "receivers": [person_name(draft.organisation, receiver) for receiver in draft.receivers],
            "amount": draft.amount,
            "values": list(draft.values),
        },
    )
