"""What a message says by itself: whom it mentions, and what it is for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from guerdon_kit.errors import FieldViolation

MENTIONS_MAX = 100

# What a letter goes before is an address; what ends a sentence belongs to no id.
_MENTION = re.compile(r"(?<![\w@#.])@([A-Za-z0-9](?:[A-Za-z0-9._~-]*[A-Za-z0-9])?)")
_TAG = re.compile(r"(?<![\w#&/])#[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True)
class Mention:
    """A person's id, and where the `@` before it stands, in characters from 0."""

    person: str
    position: int


def mentions(message: str) -> list[Mention]:
    """Whom a message mentions, in its order: an `@` and an id, such as `@ann`. An id that begins or ends with a
    punctuation mark cannot be mentioned.
    """
    return [Mention(found[1], found.start()) for found in _MENTION.finditer(message)]


def mentioned(found: Iterable[Mention]) -> tuple[str, ...]:
    """The people, each once."""
    return tuple(dict.fromkeys(mention.person for mention in found))


def unknown_mentions(field: str, found: Collection[Mention], existing: Collection[str]) -> list[FieldViolation]:
    """What is wrong with mentions, where `existing` are the people that there are."""
    if len(found) > MENTIONS_MAX:
        return [FieldViolation(field, f"must mention at most {MENTIONS_MAX} people")]
    return [
        FieldViolation(field, f"mentions @{mention.person} at character {mention.position}, who is nobody here")
        for mention in found
        if mention.person not in existing
    ]


def tagged(message: str, values: Collection[str]) -> list[str]:
    """The values that a message names, such as `#teamwork` or `#Teamwork`, each once. Other tags are only words."""
    tags = (found[0].lower() for found in _TAG.finditer(message))
    return list(dict.fromkeys(tag for tag in tags if tag in values))
