"""Voucher codes: which are well formed, and how they are kept so that nobody reads them from the database.

A code is kept sealed (AES-256-GCM) with the id of the key, and with a keyed digest by which a second copy is found.
Sealing binds a code to its program, reward and digest, so that a sealed code moved to another row does not open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from guerdon_kit.sealing import KEY_BYTES, decrypt, encrypt, joined
from rewards_catalog.domain.generated import CodeScheme

CHUNK = 1_000
"""How many codes one message of an import may carry."""
REPORTED_REJECTIONS = 10_000
"""How many rejected rows an import's answer names."""
_CODE = re.compile(r"[!-~]{4,128}")
DIGEST_BYTES = 16


class Rejection(StrEnum):
    """Why a code is not added to a pool."""

    DUPLICATE = "DUPLICATE"
    MALFORMED = "MALFORMED"
    MISTYPED = "MISTYPED"


def well_formed(code: str) -> bool:
    """4 to 128 visible ASCII characters."""
    return _CODE.fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class SealedCode:
    """A code as the database keeps it; `digest` finds a second copy, `key_id` says which key opens it."""

    digest: bytes
    key_id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeKeys:
    """The keys that seal codes, by id; new codes are sealed with `current`.

    `digest_key` never changes: with another one, copies of the codes of before would not be found.
    """

    current: str
    sealing: Mapping[str, bytes] = field(repr=False)
    digest_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.sealing:
            raise ValueError("the current code key is not among the keys")
        if any(len(key) != KEY_BYTES for key in (*self.sealing.values(), self.digest_key)):
            raise ValueError(f"every code key must have {KEY_BYTES} bytes")

    def digest(self, program: str, code: str) -> bytes:
        """The same for the same code of a program, and no help to whoever lacks the key."""
        keyed = blake2b(key=self.digest_key, digest_size=DIGEST_BYTES)
        keyed.update(joined(program.encode(), code.encode()))
        return keyed.digest()

    def seal(self, program: str, reward: str, code: str) -> SealedCode:
        """The code as the database keeps it, for this reward only."""
        digest = self.digest(program, code)
        sealed = encrypt(self.sealing[self.current], code, program.encode(), reward.encode(), digest)
        return SealedCode(digest, self.current, sealed)

    def open(self, program: str, reward: str, kept: SealedCode) -> str:
        """The code again.

        Raises:
            KeyError: the key it was sealed with is not among the keys.
            cryptography.exceptions.InvalidTag: it was altered, or belongs to another reward.
        """
        return decrypt(self.sealing[kept.key_id], kept.sealed, program.encode(), reward.encode(), kept.digest)


@dataclass(frozen=True, slots=True)
class SortedChunk:
    """A chunk's codes, sealed, each with its place in the chunk; and the places of those that no pool takes."""

    sealed: Sequence[tuple[int, SealedCode]]
    unfit: Sequence[tuple[int, Rejection]]


def sort_chunk(keys: CodeKeys, scheme: CodeScheme, program: str, reward: str, codes: Sequence[str]) -> SortedChunk:
    """Seals what is well formed, as it is looked for later. One that every till would call mistyped is not taken.

    Copies within the chunk are left to the insert, which finds all copies alike.
    """
    sealed: list[tuple[int, SealedCode]] = []
    unfit = []
    for place, read in enumerate(codes):
        code = scheme.canonical(read)
        if not well_formed(code):
            unfit.append((place, Rejection.MALFORMED))
        elif scheme.mistyped(code):
            unfit.append((place, Rejection.MISTYPED))
        else:
            sealed.append((place, keys.seal(program, reward, code)))
    return SortedChunk(sealed, unfit)


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """What became of a chunk: how many codes were added, and which places were not, and why. No code is in it."""

    imported: int
    rejected: Sequence[tuple[int, Rejection]]


def chunk_outcome(chunk: SortedChunk, inserted: set[bytes]) -> ChunkOutcome:
    """What became of a chunk of which the codes with the digests `inserted` were new to the program.

    Of copies within the chunk the first is the one that was added.
    """
    rejected = list(chunk.unfit)
    unseen = set(inserted)
    for place, code in chunk.sealed:
        if code.digest in unseen:
            unseen.remove(code.digest)
        else:
            rejected.append((place, Rejection.DUPLICATE))
    return ChunkOutcome(len(inserted), sorted(rejected))
