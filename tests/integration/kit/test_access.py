"""Who may make a call, and what it must and may name: decided before any of a service's own code runs."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from guerdon_kit.errors import (
    NotFound,
)
from guerdon_kit.testing import wait_until
from tests.integration.kit.echo import ACCOUNT, FOREIGN, KINDS, Wire, asked, refusing
from tests.kit_protos import message


@pytest.mark.parametrize("rpc", KINDS)
@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Basic YTpi"),),
        (("authorization", "Bearer not.a.token"),),
        (("authorization-bin", b"Bearer \xff"),),
    ],
    ids=str,
)
async def test_nobody_without_a_token_learns_anything(served: Wire, rpc: str, metadata: Any) -> None:
    refused = await served.refused(rpc, metadata=metadata)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert served.echo.calls == []


@pytest.mark.parametrize("rpc", KINDS)
async def test_nor_does_anybody_with_an_empty_one(served: Wire, rpc: str) -> None:
    refused = await served.refused(rpc, metadata=(("authorization", "Bearer "),))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


@pytest.mark.parametrize("token", ["töken".encode(), "töken".encode("latin-1"), b"a\xff.b\x80.c", b"a\tb"])
async def test_so_does_a_token_that_is_no_ascii(served: Wire, token: bytes) -> None:
    # By hand, because no client library sends it.
    headers = {b":method": b"POST", b":scheme": b"http", b":path": b"/kittest.v1.EchoService/Unary"}
    headers |= {b":authority": b"x", b"te": b"trailers", b"content-type": b"application/grpc"}
    headers |= {b"authorization": b"Bearer " + token}
    block = b"".join(b"\0" + _literal(name) + _literal(value) for name, value in headers.items())
    settings, end_headers, end_stream = _frame(4, 0, 0, b""), _frame(1, 4, 1, block), _frame(0, 1, 1, bytes(5))
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + end_headers + end_stream)
    [line] = await wait_until(lambda: served.lines.of("call"))
    assert (line["status"], served.lines.of("unexpected")) == ("UNAUTHENTICATED", [])
    assert b"Unexpected" not in await reader.read(4096)
    writer.close()
    assert await served.call("Unary"), "and others are served"


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _literal(text: bytes) -> bytes:
    return bytes([len(text)]) + text


async def test_the_word_bearer_is_taken_in_any_case(served: Wire) -> None:
    for word in ("bearer", "BEARER"):
        assert await served.call("Unary", metadata=(("authorization", f"{word} {served.token()}"),))


@pytest.mark.parametrize("rpc", KINDS)
async def test_a_caller_without_the_scope_is_told_which(served: Wire, rpc: str) -> None:
    refused = await served.refused(rpc, b"\xff", metadata=served.bearer(scopes=["echo.free", "ledger.*"]))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_REQUIRED")
    assert refused.metadata == {"scope": "echo.use"}


INNER: dict[str, Any] = {"account": FOREIGN, "label": "l", "amounts": [1], "place": {"town": "x"}}


def _in_a_map() -> Any:
    request = asked()
    request.inner_by_key["k"].MergeFrom(message("Inner", **INNER))
    return request


@pytest.mark.parametrize(
    "request_",
    [
        asked(name=FOREIGN),
        asked(others=[ACCOUNT, FOREIGN]),
        asked(inner=INNER),
        asked(inners=[{**INNER, "account": ACCOUNT}, INNER]),
        asked(left=INNER),
        asked(right=INNER),
        asked(account={"name": FOREIGN}),
        _in_a_map(),
    ],
    ids=["own", "repeated", "nested", "nested in repeated", "left", "right", "resource", "map"],
)
@pytest.mark.parametrize("rpc", KINDS)
async def test_a_foreign_tenants_resource_does_not_exist_wherever_it_is_named(
    served: Wire, rpc: str, request_: Any
) -> None:
    refused = await served.refused(rpc, request_)
    assert served.echo.calls == []
    served.echo.answer = refusing(NotFound(FOREIGN))
    missing = await served.refused(rpc, request_, metadata=served.bearer(tenants=["*"]))
    assert refused == missing, "the very same answer as for what does not exist"
    assert refused.code == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("rpc", ["Up", "BothWays"])
async def test_each_message_of_a_stream_is_checked(served: Wire, rpc: str) -> None:
    seconds: list[tuple[Any, grpc.StatusCode]] = [
        (asked(name=FOREIGN), grpc.StatusCode.NOT_FOUND),
        (asked(request_id=""), grpc.StatusCode.INVALID_ARGUMENT),
        (b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
    ]
    for second, code in seconds:
        served.echo.requests.clear()
        refused = await served.refused(rpc, asked(), second)
        assert refused.code == code
        assert [request.name for request in served.echo.requests] == [ACCOUNT]


async def test_what_only_the_service_writes_is_ignored(served: Wire) -> None:
    made: dict[str, Any] = {
        "made": FOREIGN,
        "inner": {**INNER, "account": ACCOUNT, "made": {"account": FOREIGN, "label": "l"}},
    }
    assert await served.call("Unary", **made)


@pytest.mark.parametrize(
    "name",
    [
        *["x", "programs", "programs/", "/", "//", "programs//a", "programs/é", "programs/a b/c/d", "*", "programs/*"],
        "programs/foreign/accounts/" + "a" * 64,
        "programs/foreign" + "/accounts/a" * 9,
        "x" * 100_000,
    ],
    ids=lambda name: name[:40],
)
async def test_a_malformed_name_is_a_wrong_field(served: Wire, name: str) -> None:
    refused = await served.refused("Unary", others=[ACCOUNT, name])
    assert refused.fields == ["others[1]"]
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_a_request_that_names_nothing_of_a_tenant_is_not_served(served: Wire) -> None:
    nothing = message("Loosely", text="x")
    for rpc in ("Loose", "LooseUp"):
        refused = await served.refused(rpc, nothing, metadata=served.bearer(tenants=["*"]))
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert served.echo.calls == []


async def test_once_a_stream_has_named_its_tenant_the_rest_need_not(served: Wire) -> None:
    first, rest, foreign = (message("Loosely", name=name) for name in (ACCOUNT, "", FOREIGN))
    assert await served.call("LooseUp", first, rest, rest)
    assert {call.tenants for call in served.echo.calls} == {frozenset({"programs/acme"})}
    assert (await served.refused("LooseUp", first, rest, foreign)).code == grpc.StatusCode.NOT_FOUND


async def test_where_no_tenant_is_declared_the_scope_alone_decides(served: Wire) -> None:
    served.echo.answer = refusing(NotFound("served"))
    free = message("Plain", text="x")
    for scopes, code in [(["echo.free"], grpc.StatusCode.NOT_FOUND), (["echo.use"], grpc.StatusCode.PERMISSION_DENIED)]:
        assert (await served.refused("Free", free, metadata=served.bearer(scopes=scopes, tenants=[]))).code == code


@pytest.mark.parametrize("rpc", KINDS)
@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\xff", b"\x0a\x02\xff\xfe", b"\x00" * 50, b"\x0b" * 2000], ids=repr)
async def test_bytes_that_do_not_decode_are_refused_without_a_word_of_ours(
    served: Wire, rpc: str, garbage: bytes
) -> None:
    refused = await served.refused(rpc, garbage)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert refused.message == "The request does not decode as the method's message."


async def test_fields_that_lack_are_named_by_their_paths(served: Wire) -> None:
    refused = await served.refused("Unary", request_id="", inners=[{"label": "x"}])
    assert refused.fields == ["request_id", "inners[0].amounts", "inners[0].place"]
