"""Reading what a message says by itself."""

from __future__ import annotations

from dataclasses import replace

from guerdon_kit.errors import InvalidField
from guerdon_kit.postgres import Connection
from recognition.domain.mentions import mentioned, mentions, tagged, unknown_mentions
from recognition.domain.organisations import Organisation
from recognition.domain.recognitions import MESSAGE_LENGTH_MAX, Draft
from recognition.domain.texts import text_violations
from recognition.store import people as people_store


async def worded(connection: Connection, employer: Organisation, draft: Draft) -> Draft:
    """The draft with the people whom its message mentions, and with the values that it names beside those given. One
    that no message can be is not read: to refuse it is for who checks the draft.

    Raises:
        InvalidField: it mentions somebody who is nobody here; the position is named.
    """
    if text_violations("recognition.message", draft.message, MESSAGE_LENGTH_MAX):
        return draft
    found = mentions(draft.message)
    people = mentioned(found)
    existing = await people_store.existing(connection, draft.organisation, people) if people else set()
    violations = unknown_mentions("recognition.message", found, existing)
    if violations:
        raise InvalidField(violations)
    named = tuple(value for value in tagged(draft.message, employer.values) if value not in draft.values)
    return replace(draft, mentioned=people, values=draft.values + named)
