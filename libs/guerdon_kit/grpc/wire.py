"""gRPC as HTTP/2 carries it: messages in a body, deadlines, metadata and status in headers and trailers.

For a host that hands over plain HTTP; grpc's own server does all of this itself. The rules are those of gRPC's
protocol document ("gRPC over HTTP2").
"""

from __future__ import annotations

import binascii
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

PREFIX_BYTES = 5
ENCODINGS = b"identity,gzip,deflate"
"""The compressions that a request may have; answers have none."""
_ANY_ZLIB = zlib.MAX_WBITS | 32
"""Gzip or zlib ("deflate" is zlib's own format there), by what the bytes begin with."""
_TIMEOUT = re.compile(rb"(\d{1,8})([HMSmun])")
_SECONDS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_UNESCAPED = "".join(chr(code) for code in range(0x20, 0x7F) if code != ord("%"))

Headers = Iterable[tuple[bytes, bytes]]
Metadata = Iterable[tuple[str, str | bytes]]


class Metadatum(NamedTuple):
    """An entry of metadata, as `grpc` gives it to handlers."""

    key: str
    value: str | bytes


class Unusable(Exception):
    """A body is of no use from here on."""


class Malformed(Unusable):
    """What came is no message in a frame, or no whole one."""


class TooLarge(Unusable):
    """A message is larger than allowed."""


class UnknownEncoding(Unusable):
    """A message is compressed in a way that is not known here."""


def framed(message: bytes) -> bytes:
    """A message as it lies in a body, not compressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def only_message(body: bytes) -> bytes | None:
    """The message of a body that is one, not compressed; None where it is anything else."""
    size = len(body) - PREFIX_BYTES
    whole = size >= 0 and body[0] == 0 and int.from_bytes(body[1:PREFIX_BYTES], "big") == size
    return body[PREFIX_BYTES:] if whole else None


class Unframer:
    """Puts messages together from the pieces of a body, whose messages may be compressed as `encoding` says."""

    def __init__(self, message_max: int, encoding: bytes = b"identity") -> None:
        self._message_max = message_max
        self._encoding = encoding
        self._rest = bytearray()
        self._wanted = PREFIX_BYTES
        """How much of the rest there must be for anything to be done with it."""

    @property
    def between_messages(self) -> bool:
        """Whether nothing has come of a message that is not there as a whole."""
        return not self._rest

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The messages that are whole with this piece; they are to be taken before the next piece is fed.

        Raises:
            Unusable: there are no more.
        """
        if self._rest:
            self._rest += piece  # each byte once, into however many pieces a message is cut
            if len(self._rest) < self._wanted:
                return
            piece = bytes(self._rest)
        at, self._wanted = 0, PREFIX_BYTES
        while len(piece) - at >= PREFIX_BYTES:
            size = int.from_bytes(piece[at + 1 : at + PREFIX_BYTES], "big")
            if size > self._message_max:
                raise TooLarge
            end = at + PREFIX_BYTES + size
            if len(piece) < end:
                self._wanted = end - at
                break
            yield self._message(piece[at], piece[at + PREFIX_BYTES : end])
            at = end
        self._rest = bytearray(piece[at:])

    def _message(self, flag: int, message: bytes) -> bytes:
        if flag == 0:
            return message
        if flag != 1 or self._encoding == b"identity":
            raise Malformed
        if self._encoding not in {b"gzip", b"deflate"}:
            raise UnknownEncoding
        unpacking = zlib.decompressobj(_ANY_ZLIB)
        try:
            whole = unpacking.decompress(message, self._message_max + 1)
        except zlib.error as error:
            raise Malformed from error
        if len(whole) > self._message_max:
            raise TooLarge
        if not unpacking.eof:
            raise Malformed
        return whole


def timeout_s(value: bytes) -> float | None:
    """The seconds that a `grpc-timeout` header allows; None where it is not one, which allows any time."""
    form = _TIMEOUT.fullmatch(value)
    return None if form is None else int(form[1]) * _SECONDS[form[2]]


def received(headers: Headers) -> list[Metadatum]:
    """Metadata out of headers; keys that end in `-bin` have bytes. What is not in the form it should be is left out."""
    metadata: list[Metadatum] = []
    for name, value in headers:
        key = name.decode("ascii", "replace")
        if not key.endswith("-bin"):
            metadata.append(Metadatum(key, value.decode("latin-1")))
            continue
        for part in value.split(b","):
            try:
                metadata.append(Metadatum(key, b64decode(part + b"=" * (-len(part) % 4), validate=True)))
            except binascii.Error:
                continue
    return metadata


def sent(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Metadata as headers."""
    return [
        (key.encode("ascii"), b64encode(value).rstrip(b"=") if isinstance(value, bytes) else value.encode("ascii"))
        for key, value in metadata
    ]


def status(code: int, text: str) -> list[tuple[bytes, bytes]]:
    """How a call ended, as headers; the text is percent-encoded."""
    told = [(b"grpc-status", b"%d" % code)]
    if text:
        told.append((b"grpc-message", quote(text, safe=_UNESCAPED).encode("ascii")))
    return told
