"""Reading what a message says by itself."""

from __future__ import annotations

from dataclasses import replace

from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Connection
from recognition.domain.mentions import mentioned, mentions, tagged, unknown_mentions
from recognition.domain.organisations import Organisation
from recognition.domain.recognitions import Draft
from recognition.store import people as people_store


async def worded(connection: Connection, employer: Organisation, draft: Draft) -> Draft:
    """The draft with the people whom its message mentions, and with the values that it names beside those given.

    Raises:
        InvalidField: it mentions somebody who is nobody here; the position is named.
    """
    found = mentions(draft.message)
    people = mentioned(found)
    existing = await people_store.existing(connection, draft.organisation, people) if people else set()
    violations = unknown_mentions("recognition.message", found, existing)
    if violations:
        raise InvalidField(violations)
    named = tuple(value for value in tagged(draft.message, employer.values) if value not in draft.values)
    return replace(draft, mentioned=people, values=draft.values + named)
