"""How gRPC lies in HTTP/2: frames, deadlines, metadata, status."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon_kit.grpc import wire

MESSAGE_MAX = 64
messages = st.lists(st.binary(max_size=MESSAGE_MAX), max_size=6)


def unframed(*pieces: bytes, encoding: bytes = b"identity") -> list[bytes]:
    body = wire.Unframer(MESSAGE_MAX, encoding)
    found = [message for piece in pieces for message in body.feed(piece)]
    if not body.between_messages:
        raise wire.Malformed
    return found


@given(sent=messages, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_messages_are_what_they_were_however_the_body_is_cut(sent: list[bytes], cuts: list[int]) -> None:
    body = b"".join(map(wire.framed, sent))
    at = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert unframed(*(body[first:end] for first, end in pairwise(at))) == sent


@given(sent=messages, encoding=st.sampled_from([b"gzip", b"deflate"]))
def test_compressed_ones_too(sent: list[bytes], encoding: bytes) -> None:
    packs: dict[bytes, Any] = {b"gzip": gzip.compress, b"deflate": zlib.compress}
    pack = packs[encoding]
    body = b"".join(b"\1" + wire.framed(pack(message))[1:] for message in sent)
    assert [*unframed(body[:7], body[7:], encoding=encoding)] == sent


@pytest.mark.parametrize(
    ("body", "encoding", "why"),
    [
        (b"\0\0\0\0\2a", b"identity", wire.Malformed),
        (b"\0\0\0", b"identity", wire.Malformed),
        (b"\7\0\0\0\1a", b"identity", wire.Malformed),
        (b"\1\0\0\0\1a", b"identity", wire.Malformed),
        (b"\1\0\0\0\1a", b"gzip", wire.Malformed),
        (b"\1" + wire.framed(gzip.compress(b"abc")[:-4])[1:], b"gzip", wire.Malformed),
        (b"\1\0\0\0\1a", b"snappy", wire.UnknownEncoding),
        (b"\0\0\0\0\x41", b"identity", wire.TooLarge),
        (b"\1" + wire.framed(gzip.compress(b"\0" * 65))[1:], b"gzip", wire.TooLarge),
    ],
    ids=["short", "no frame", "no flag", "not said", "no gzip", "half a gzip", "unknown", "large", "large within"],
)
def test_what_is_no_message_is_told_as_what_it_is(body: bytes, encoding: bytes, why: type[wire.Unusable]) -> None:
    with pytest.raises(why):
        unframed(body, encoding=encoding)


def test_a_message_in_single_bytes_is_put_together_once() -> None:
    size = 4_000_000
    body = wire.Unframer(size)
    framed = wire.framed(b"\0" * size)
    assert [*body.feed(framed[:-1000])] == []
    kept = body._rest
    for byte in framed[-1000:-1]:
        assert [*body.feed(bytes([byte]))] == []
        assert body._rest is kept, "nothing is copied for a byte"
    assert [len(message) for message in body.feed(framed[-1:])] == [size]


def test_no_more_is_read_of_a_piece_than_is_taken() -> None:
    taking = wire.Unframer(MESSAGE_MAX).feed(wire.framed(b"a") + wire.framed(b"b") + b"\7\0\0\0\0")
    assert [next(taking), next(taking)] == [b"a", b"b"], "what comes after is not looked at yet"
    with pytest.raises(wire.Malformed):
        next(taking)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((b"1H", 3600.0), (b"2M", 120.0), (b"3S", 3.0), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9)),
        *((value, None) for value in (b"", b"1", b"S", b"-1S", b"1.5S", b"123456789S", b"1s")),
    ],
)
def test_a_timeout_is_what_the_protocol_says(value: bytes, seconds: float | None) -> None:
    assert wire.timeout_s(value) == (None if seconds is None else pytest.approx(seconds))


@given(value=st.binary(max_size=40), text=st.text(max_size=40))
def test_metadata_and_status_come_back_as_they_went(value: bytes, text: str) -> None:
    headers = wire.sent([("key-bin", value), ("key", "plain")])
    assert wire.received(headers) == [("key-bin", value), ("key", "plain")]
    told = dict(wire.status(3, text))
    assert told[b"grpc-status"] == b"3"
    assert all(0x20 <= byte < 0x7F for byte in told.get(b"grpc-message", b""))


def test_metadata_that_is_no_base64_is_left_out() -> None:
    assert wire.received([(b"key-bin", b"!"), (b"key", b"\xff")]) == [("key", "\xff")]
