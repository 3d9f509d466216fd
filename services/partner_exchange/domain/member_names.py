"""Whether two brands' names of a person are one person's: the check that is made before accounts are linked.

Case, accents, hyphens and apostrophes make no difference. Middle names may be missing on either side, or be initials.
Nothing else is tolerated: who is called otherwise at one brand has it put right there.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from guerdon_kit.errors import InvalidField

LENGTH_MAX = 100

# Letters that are no base letter with a mark, and are written so where there is no such key.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_JOINING = frozenset("'’ʼ`´.·")
"""What is written within a name and left out elsewhere: O'Neill, Q."""


@dataclass(frozen=True, slots=True)
class MemberName:
    """A person's name, as a brand has it."""

    given: str
    family: str


def check_name(name: MemberName) -> None:
    """Checks that a name is one.

    Raises:
        InvalidField: a part has no letter, too many characters, or some that do not print.
    """
    for field, text in (("given_names", name.given), ("family_name", name.family)):
        if len(text) > LENGTH_MAX or not text.isprintable() or not _words(text):
            raise InvalidField.of(field, f"must have 1 to {LENGTH_MAX} printable characters, and a letter")


def difference(one: MemberName, other: MemberName) -> str:
    """What two names differ in: `family_name`, `given_names`, or nothing."""
    if "".join(_words(one.family)) != "".join(_words(other.family)):
        return "family_name"
    (first, *middle), (other_first, *other_middle) = _words(one.given), _words(other.given)
    if first != other_first or not all(_same_middle(a, b) for a, b in zip(middle, other_middle, strict=False)):
        return "given_names"
    return ""


def _same_middle(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return one == other or (len(short) == 1 and long.startswith(short))


def _words(text: str) -> list[str]:
    """The words of a name in plain small letters; a hyphen parts words as a space does."""
    folded = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    kept = "".join(
        letter if letter.isalnum() else "" if letter in _JOINING or unicodedata.combining(letter) else " "
        for letter in folded
    )
    return kept.split()
