"""What identifies a request, and what tells two bodies under one id apart. No database here.

A request's *key* is its calling service, or issuer and subject; tenant; method; and `request_id`: nobody can
collide with, or squat, another's id. Its *digest* covers the body without the id. Its *fields* keep a short
digest of each field, so that a difference can be named. All three are binary and small, because the ledger
keeps them for every posting.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple, Protocol
from zlib import crc32

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

_SIZE = 16
_ENTRY = 5  # in `fields`: two bytes of field number, three of digest
_MOST_FIELDS = 64


class Identity(Protocol):
    """The caller, as far as requests are kept apart by it."""

    @property
    def issuer(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def service(self) -> str | None: ...


class Call(Protocol):
    """The call, as far as it identifies a request."""

    @property
    def caller(self) -> Identity: ...
    @property
    def method(self) -> str: ...


class Fingerprint(NamedTuple):
    """A request as its record knows it."""

    key: bytes
    """16 bytes: who asked, on which tenant, by which method, under which `request_id`."""
    digest: bytes
    """16 bytes: the body without its `request_id`."""
    fields: bytes
    """Five bytes for each field that was set, by field number: its number, and a short digest."""
    body: Descriptor
    """The message's type, which knows the names of its fields."""

    @staticmethod
    def of(call: Call, request: Message, tenant: str, *, method: str = "") -> Fingerprint:
        """The fingerprint of `request`, a message with a `request_id`, or an item of one.

        `method` replaces the call's own where the same request may come by several methods, such as alone
        and in a batch.
        """
        body: Descriptor = request.DESCRIPTOR  # type: ignore[assignment]  # or the C implementation's, its equal
        return Fingerprints(call, body, tenant, method=method).of(request)

    def differing(self, digest: bytes, fields: bytes) -> str | None:
        """None where the record (`digest`, `fields`) is of the same body; else the fields that differ.

        They are comma-separated names; ones this release does not know are given by number.
        """
        if digest == self.digest:
            return None
        here, there = _by_number(self.fields), _by_number(fields)
        numbers = sorted(n for n in here.keys() | there.keys() if here.get(n) != there.get(n))
        known = self.body.fields_by_number
        return ",".join(known[n].name if n in known else str(n) for n in numbers) or "body"


class Fingerprints:
    """Makes the fingerprints of a call's messages of one type `body`, such as the items of a batch, of which there are
    thousands.
    """

    __slots__ = ("_body", "_only", "_origin", "_skipped")

    def __init__(self, call: Call, body: Descriptor, tenant: str, *, method: str = "") -> None:
        caller = call.caller
        self._origin = _origin(caller.service, caller.issuer, caller.subject, tenant, method or call.method)
        self._body = body
        self._skipped = _id_number(body)
        self._only = _only_other(body)

    def of(self, request: Message) -> Fingerprint:
        """The fingerprint of a message; see `Fingerprint.of`."""
        id_ = request.request_id.encode()  # type: ignore[attr-defined]  # the kit demands the field of writes
        origin = self._origin.copy()
        origin.update(id_)
        digest, fields = self._digest(request.SerializeToString(deterministic=True), id_)
        return Fingerprint(origin.digest(), digest, fields, self._body)

    def _digest(self, data: bytes, id_: bytes) -> tuple[bytes, bytes]:
        """The digest of the body, and of each of its fields. One field and then the id, as an item of a batch has them,
        are told apart by how the message ends.
        """
        skipped, only = self._skipped, self._only
        size = len(id_)
        if only and only < skipped < 16 and size < 0x80 and data.endswith(bytes((skipped << 3 | 2, size)) + id_):
            body = data[: -size - 2]
            return blake2b(body, digest_size=_SIZE).digest(), _entry(only, crc32(body)) if body else b""
        return _digest(data, skipped)


@lru_cache(maxsize=4096)
def _origin(service: str | None, issuer: str, subject: str, tenant: str, method: str) -> blake2b:
    """The hash of all that comes before the `request_id`: the same few for thousands of requests."""
    parts = ("service", service) if service else ("subject", issuer, subject)
    state = blake2b(digest_size=_SIZE)
    for part in (*parts, tenant, method):
        encoded = part.encode()
        state.update(len(encoded).to_bytes(4, "big") + encoded)
    return state


@lru_cache(maxsize=1024)
def _id_number(body: Descriptor) -> int:
    number: int = body.fields_by_name["request_id"].number
    return number


@lru_cache(maxsize=1024)
def _only_other(body: Descriptor) -> int:
    """The number of the field that a message has besides its `request_id`; 0 where it has several."""
    others = [one.number for one in body.fields if one.name != "request_id"]
    return others[0] if len(others) == 1 else 0


def _digest(data: bytes, skipped: int) -> tuple[bytes, bytes]:
    """The digest of the body, and of each of its fields but the one `skipped`.

    The serialised message is cut into its top-level fields here, which costs less than copying the message
    to clear its id and serialising each field by itself.
    """
    pieces: list[bytes] = []
    sums: dict[int, int] = {}
    at, size = 0, len(data)
    while at < size:
        start = at
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = _varint(data, start)
        if tag & 7 == 2 and data[at] < 0x80:  # the common case here, where a call would double its cost
            at += data[at] + 1
        else:
            at = _end(data, at, tag & 7)
        number = tag >> 3
        if number != skipped:
            piece = data[start:at]
            pieces.append(piece)
            sums[number] = crc32(piece, sums.get(number, 0))
    fields = [_entry(number, sums[number]) for number in sorted(sums)[:_MOST_FIELDS]]
    return blake2b(b"".join(pieces), digest_size=_SIZE).digest(), b"".join(fields)


def _entry(number: int, total: int) -> bytes:
    return ((min(65535, number)) << 24 | total & 0xFFFFFF).to_bytes(_ENTRY, "big")


def _end(data: bytes, at: int, kind: int) -> int:
    """Where the value of the wire type `kind` ends that begins at `at`."""
    if kind == 2:
        length, at = _varint(data, at)
        return at + length
    if kind == 0:
        while data[at] >= 0x80:
            at += 1
        return at + 1
    if kind == 1:
        return at + 8
    if kind == 5:
        return at + 4
    return len(data)  # a group, which no contract has: whatever the client meant, it is part of the body


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _by_number(fields: bytes) -> dict[int, bytes]:
    return {
        int.from_bytes(fields[at : at + 2], "big"): fields[at + 2 : at + _ENTRY] for at in range(0, len(fields), _ENTRY)
    }
