"""What others say to a recognition: comments and reactions."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.errors import FieldViolation, InvalidField
from recognition.domain.texts import text_violations

COMMENTS_MAX = 1000
COMMENT_LENGTH_MAX = 1000
EMOJI_LENGTH_MAX = 10
EMOJIS_OF_PERSON_MAX = 10
EMOJIS_MAX = 50

_PARTS = frozenset({"So", "Sk", "Mn", "Me", "Cf", "Cn"})
"""Unicode's categories of what an emoji is made of: symbols, skin tones, variation selectors, joiners and tags; and of
what is younger than this Python's tables.
"""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of `author` (a person's id) on a recognition."""

    organisation: str
    recognition: str
    id: str
    author: str
    message: str
    create_time: datetime

    @property
    def name(self) -> str:
        """The resource name."""
        return f"organisations/{self.organisation}/recognitions/{self.recognition}/comments/{self.id}"


@dataclass(frozen=True, slots=True)
class ReactionCount:
    """How many people reacted with an emoji, and whether the viewer did."""

    emoji: str
    count: int
    mine: bool


@dataclass(frozen=True, slots=True)
class Echo:
    """What others said to a recognition: how many comments, and the reactions, the most frequent first."""

    comments: int = 0
    reactions: tuple[ReactionCount, ...] = ()


def check_comment(message: str) -> None:
    """Whether a comment can say that.

    Raises:
        InvalidField: it cannot.
    """
    violations = text_violations("comment.message", message, COMMENT_LENGTH_MAX)
    if not message.strip():
        violations.append(FieldViolation("comment.message", "is required"))
    if violations:
        raise InvalidField(violations)


def check_emoji(emoji: str) -> None:
    """Whether this is an emoji, or looks enough like one: symbols, and what joins and tints them.

    Raises:
        InvalidField: it is something else, such as a word.
    """
    categories = {unicodedata.category(character) for character in emoji}
    if len(emoji) > EMOJI_LENGTH_MAX or not categories <= _PARTS or categories.isdisjoint({"So", "Cn"}):
        raise InvalidField.of("emoji", f"must be an emoji of at most {EMOJI_LENGTH_MAX} code points")
