"""Codes that the service makes itself: a prefix, random characters, and a check character.

The check character is that of ISO 7064, MOD 37,36, over all that comes before it: it tells every single wrong
character, and nearly every swap of two neighbours. The random characters, and the check character, are of an alphabet
in which no two look alike and which spells no words: it has no vowel, and none of 0 O Q, 1 I L, 2 Z, 5 S, 8 B, U V.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

from rewards_catalog.domain.errors import CodesTooShort

ALPHABET = "34679CDFGHJKMNPRTWXY"
MAX_GENERATED = 10_000
"""How many codes one request may have made."""
GUESSES = 2**32
"""A pool may be filled as long as at least so many guesses are needed, on average, to find one of its codes."""

_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MODULUS = len(_CHARACTERS)
_SEPARATORS = str.maketrans("", "", " -")


def check_character(text: str) -> str:
    """The check character of ISO 7064, MOD 37,36, for text of digits and capital letters."""
    return _CHARACTERS[(1 - _doubled(_sum(text))) % _MODULUS]


def is_checked(text: str) -> bool:
    """Whether the last character of the text is the check character of those before it."""
    return all(character in _CHARACTERS for character in text) and _sum(text) == 1


def _sum(text: str) -> int:
    total = _MODULUS // 2
    for character in text:
        total = (_doubled(total) + _CHARACTERS.index(character)) % _MODULUS
    return total


def _doubled(total: int) -> int:
    return (total or _MODULUS) * 2 % (_MODULUS + 1)


_SYSTEM = SystemRandom()


def _unforeseeable(characters: str, count: int) -> str:
    # By the operating system's source, as `secrets.choice`, which takes three times as long.
    return "".join(_SYSTEM.choices(characters, k=count))


@dataclass(frozen=True, slots=True)
class CodeScheme:
    """How codes are made: `prefix`, of digits and capital letters, then `length` random characters.

    Whatever begins with the prefix must have a right check character, whoever made it and however long it is. So a
    code that was mistyped is told from an unknown one without looking for it.
    """

    prefix: str
    length: int
    choose: Callable[[str, int], str] = _unforeseeable
    """Picks so many of the characters, as nobody can foretell."""

    def draw(self) -> str:
        """A fresh code. One whose check character looks like another is not taken."""
        while True:
            body = self.prefix + self.choose(ALPHABET, self.length)
            check = check_character(body)
            if check in ALPHABET:
                return body + check

    def canonical(self, text: str) -> str:
        """A code as it is kept: one of this scheme in capitals, without the blanks and hyphens it was read with."""
        compact = text.translate(_SEPARATORS).upper()
        return compact if compact.startswith(self.prefix) else text

    def mistyped(self, code: str) -> bool:
        """Whether a canonical code begins as this scheme's do, and cannot be one."""
        return code.startswith(self.prefix) and not is_checked(code)

    def check_unguessable(self, codes: int) -> None:
        """Raises CodesTooShort if a pool of so many codes is too large for their length."""
        possible = len(ALPHABET) ** (self.length + 1) // _MODULUS  # of `length + 1`, one in 36 has a right check
        if codes * GUESSES > possible:
            raise CodesTooShort(length=self.length, codes=codes, most=possible // GUESSES)
