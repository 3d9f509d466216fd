"""The way of a call: who may make it, what it may say, and what its caller learns of what went wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.errors import (
    AlreadyExists,
    DomainError,
    FieldViolation,
    InvalidField,
    NotFound,
    ReplayedRefusal,
    Status,
    Unavailable,
)
from guerdon_kit.grpc import CallContext, RemoteError
from guerdon_kit.testing import wait_until
from tests.integration.kit.echo import ACCOUNT, Refused, Wire, asked, wire
from tests.kit_protos import message

KINDS = ["Unary", "Down", "Up", "BothWays"]
SECRET = "postgresql://guerdon:hunter2@db/ledger: duplicate key (card)=(4000)"


@pytest.fixture
async def served(identity: DevelopmentIdentity) -> AsyncIterator[Wire]:
    async with wire(identity) as made:
        yield made


def refusing(error: BaseException) -> Any:
    async def answer(_request: Any, _call: CallContext) -> str:
        raise error

    return answer


@pytest.mark.parametrize("rpc", KINDS)
async def test_each_kind_of_call_is_answered_and_knows_its_caller(served: Wire, rpc: str) -> None:
    assert [answer.text for answer in await served.call(rpc)] == [ACCOUNT]
    [call] = served.echo.calls
    assert call.caller.subject == "developer"
    assert call.method == f"kittest.v1.EchoService/{rpc}"
    assert (call.request_id, call.tenants) == ("r-1", frozenset({"programs/acme"}))
    assert 5 < call.remaining_s() <= 10


async def test_streams_carry_many_messages_both_ways(served: Wire) -> None:
    assert len(await served.call("Down", count=300)) == 300
    requests = [asked(request_id=f"r-{number}") for number in range(300)]
    assert len((await served.call("Up", *requests))[0].text.split(",")) == 300
    assert len(await served.call("BothWays", *requests)) == 300


@pytest.mark.parametrize("rpc", KINDS)
@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer "),),
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


FOREIGN = "programs/foreign/accounts/a-1"
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
    refused = await served.refused("Unary", others=[name])
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_a_request_that_names_nothing_of_a_tenant_is_not_served(served: Wire) -> None:
    refused = await served.refused("Unary", name="")
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT


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


class InsufficientPoints(DomainError):
    reason = "INSUFFICIENT_POINTS"
    status = Status.FAILED_PRECONDITION
    message = "Needs {required} points, has {available}."
    retry_after = timedelta(milliseconds=1500)


@pytest.mark.parametrize("rpc", KINDS)
async def test_a_refusal_tells_its_reason_its_numbers_and_when_to_try_again(served: Wire, rpc: str) -> None:
    served.echo.answer = refusing(InsufficientPoints(required=7, available=5))
    assert await served.refused(rpc) == Refused(
        code=grpc.StatusCode.FAILED_PRECONDITION,
        message="Needs 7 points, has 5.",
        reason="INSUFFICIENT_POINTS",
        metadata={"required": "7", "available": "5"},
        fields=[],
        retry_s=1.5,
        replayed=False,
    )


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.CANCELLED])
async def test_every_status_leaves_as_itself(served: Wire, status: Status) -> None:
    served.echo.answer = refusing(ReplayedRefusal("SOME", status, "As first said {x}.", {"n": "1"}))
    refused = await served.refused("Unary")
    assert (refused.code.name, refused.reason, refused.message) == (status.name, "SOME", "As first said {x}.")


async def test_what_is_wrong_with_fields_says_each(served: Wire) -> None:
    served.echo.answer = refusing(InvalidField([FieldViolation("a", "x"), FieldViolation("b[0].c", "ü")]))
    refused = await served.refused("Unary")
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["a", "b[0].c"])


@pytest.mark.parametrize(
    "error",
    [
        InvalidField(
            FieldViolation(f"transaction.postings[{n}].amount", "must be between 1 and 2^53") for n in range(999)
        ),
        InvalidField([FieldViolation("f" * 50_000, "d" * 50_000)]),
        AlreadyExists("programs/" + "ä" * 50_000),
        ReplayedRefusal("SOME", Status.ABORTED, "m" * 50_000, {f"k{n}": "v" * 5_000 for n in range(50)}),
    ],
    ids=["many violations", "a long violation", "a long name", "long metadata"],
)
async def test_no_refusal_is_too_long_for_what_clients_take(served: Wire, error: DomainError) -> None:
    served.echo.answer = refusing(error)
    for _ in range(5):  # between the soft and the hard limit a client refuses at random
        refused = await served.refused("Unary")
        assert refused.code.name == error.public_status.name
        assert refused.reason == error.public_reason
    assert bool(refused.fields) is bool(error.violations)


class _Unspeakable(DomainError):
    reason = "UNSPEAKABLE"
    status = Status.ABORTED
    message = "Lacks {what_nobody_gave}."


@pytest.mark.parametrize("rpc", KINDS)
@pytest.mark.parametrize(
    "error",
    [
        _Unspeakable(),
        *(RuntimeError(SECRET), KeyError(SECRET), TimeoutError(SECRET), ConnectionError(SECRET)),
        *(asyncio.CancelledError(SECRET), AssertionError(SECRET), StopIteration(SECRET), RecursionError(SECRET)),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_nobody_foresaw_tells_an_error_id_and_nothing_else(
    served: Wire, rpc: str, error: BaseException
) -> None:
    served.echo.answer = refusing(error)
    refused = await served.refused(rpc, asked(secret="4000-1234", notes=["seen"]), timeout=5)
    [unexpected] = served.lines.of("unexpected")
    error_id = unexpected["error_id"]
    assert refused == Refused(
        grpc.StatusCode.INTERNAL, f"internal error {error_id}", "INTERNAL", {"error_id": error_id}, [], None, False
    )
    told = repr(unexpected["exc_info"].__cause__ or unexpected["exc_info"])
    assert SECRET in told or isinstance(error, _Unspeakable), "logged whole"
    assert unexpected["request"]["notes"] == ["seen"]
    assert "4000-1234" not in repr(unexpected)


async def test_what_another_service_refused_is_logged_and_not_told(served: Wire) -> None:
    served.echo.answer = refusing(RemoteError(Status.NOT_FOUND, "NOT_FOUND", {"resource": "programs/x"}, SECRET))
    refused = await served.refused("Unary")
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "DEPENDENCY_REFUSED")
    assert (refused.metadata, refused.message) == ({}, "A service that this one relies on refused.")
    assert SECRET in str(served.lines.of("unexpected")[0]["exc_info"])


async def _forever(_request: Any, _call: CallContext) -> str:
    await asyncio.Event().wait()
    return ""


@pytest.mark.parametrize("rpc", KINDS)
async def test_a_call_without_a_deadline_gets_one(identity: DevelopmentIdentity, rpc: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("guerdon_kit.grpc.pipeline.STREAM_DEADLINE_FACTOR", 1)
    async with wire(identity, default_deadline_s=1) as served:
        served.echo.answer = _forever
        started = time.monotonic()
        refused = await served.refused(rpc, timeout=None)
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert 0.9 < time.monotonic() - started < 3


async def test_a_longer_deadline_than_allowed_is_capped(identity: DevelopmentIdentity) -> None:
    async with wire(identity, max_deadline_s=1) as served:
        served.echo.answer = _forever
        refused = await served.refused("Unary", timeout=600)
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_stream_may_take_thirty_times_as_long(served: Wire) -> None:
    await served.call("Down", timeout=None)
    assert 295 < served.echo.calls[0].remaining_s() <= 300


async def test_a_stream_that_nobody_reads_ends_at_its_deadline(
    identity: DevelopmentIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guerdon_kit.grpc.pipeline.STREAM_DEADLINE_FACTOR", 1)
    async with wire(identity, default_deadline_s=1) as served:

        async def much(_request: Any, _call: CallContext) -> str:
            return "x" * 1_000_000

        served.echo.answer = much
        call = served.begin("Down", count=10_000, timeout=None)
        await wait_until(lambda: served.echo.ended == ["down"])
        assert len(served.echo.requests) < 10_000
        call.cancel()


@pytest.mark.parametrize("rpc", KINDS)
async def test_the_callers_own_deadline_ends_the_work(served: Wire, rpc: str) -> None:
    served.echo.answer = _forever
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.call(rpc, timeout=0.3)
    assert refused.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    [line] = await wait_until(lambda: served.lines.of("call"))
    assert line["status"] in {"DEADLINE_EXCEEDED", "CANCELLED"}


@pytest.mark.parametrize("rpc", KINDS)
async def test_a_caller_that_leaves_ends_the_work(served: Wire, rpc: str) -> None:
    left: list[bool] = []

    async def noticing(_request: Any, _call: CallContext) -> str:
        try:
            return await _forever(_request, _call)
        finally:
            left.append(True)

    served.echo.answer = noticing
    call = served.begin(rpc)
    waiting = asyncio.ensure_future(call.read() if rpc in {"Down", "BothWays"} else call)
    await wait_until(lambda: served.echo.calls)
    call.cancel()
    await asyncio.wait([waiting])
    await wait_until(lambda: left)
    [line] = await wait_until(lambda: served.lines.of("call"))
    assert (line["status"], line["caller"]) == ("CANCELLED", served.echo.calls[0].caller.actor)
    if rpc in {"Down", "BothWays"}:
        assert len(served.echo.ended) == 1, "the stream's source is closed at once"
    served.echo.answer = served.echo.__class__().answer
    assert await served.call("Unary"), "and the next one is served"


async def test_more_calls_than_the_limit_are_refused_as_overload_and_places_come_free(
    identity: DevelopmentIdentity,
) -> None:
    async with wire(identity, max_concurrent=2) as served:
        gate = asyncio.Event()

        async def held(_request: Any, _call: CallContext) -> str:
            await gate.wait()
            return ""

        served.echo.answer = held
        under_way = [served.begin("Unary"), served.begin("Unary")]
        waiting = [asyncio.ensure_future(call) for call in under_way]
        await wait_until(lambda: len(served.echo.calls) == 2)
        # One connection may not have more streams than that either: whoever comes by another one is refused.
        async with grpc.aio.insecure_channel(served.target, [("grpc.use_local_subchannel_pool", 1)]) as other:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await served.begin("Unary", channel=other)
            refused = Refused.of(error.value)
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
            assert refused.retry_s == 0.25
            gate.set()
            await asyncio.gather(*waiting)
            assert await served.begin("Unary", channel=other)


async def test_an_answer_given_before_is_marked(served: Wire) -> None:
    async def again(_request: Any, call: CallContext) -> str:
        call.mark_replayed()
        return ""

    served.echo.answer = again
    for rpc in KINDS:
        call = served.begin(rpc)
        _ = [answer async for answer in call] if rpc in {"Down", "BothWays"} else await call
        assert ("guerdon-replayed", "true") in tuple(await call.trailing_metadata())
    served.echo.answer = refusing(ReplayedRefusal("SOME", Status.FAILED_PRECONDITION, "m", {}))
    assert (await served.refused("Unary")).replayed
    served.echo.answer = served.echo.__class__().answer
    call = served.begin("Unary")
    await call
    assert not tuple(await call.trailing_metadata())


@pytest.mark.parametrize("rpc", KINDS)
async def test_a_message_beyond_the_limit_is_refused(identity: DevelopmentIdentity, rpc: str) -> None:
    async with wire(identity, max_message_bytes=100_000) as served:
        assert await served.call(rpc, asked(padding=b"x" * 90_000))
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await served.call(rpc, asked(padding=b"x" * 100_001))
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("rpc", KINDS)
async def test_each_call_is_one_line_of_the_log(served: Wire, rpc: str) -> None:
    async def noting(_request: Any, call: CallContext) -> str:
        call.fields |= {"items": 3, "status": "mine", "caller": "mine", "event": "mine", "exc_info": "mine"}
        return ""

    served.echo.answer = noting
    await served.call(rpc)
    served.echo.answer = refusing(Unavailable())
    await served.refused(rpc)
    served.echo.answer = refusing(RuntimeError("x"))
    await served.refused(rpc)
    await served.refused(rpc, metadata=())
    lines = served.lines.of("call")
    assert [(line["status"], line["reason"]) for line in lines] == [
        ("OK", ""),
        ("UNAVAILABLE", "UNAVAILABLE"),
        ("INTERNAL", "INTERNAL"),
        ("UNAUTHENTICATED", "UNAUTHENTICATED"),
    ]
    assert {line["method"] for line in lines} == {f"kittest.v1.EchoService/{rpc}"}
    caller = served.echo.calls[0].caller.actor
    assert [(line["caller"], line["request_id"]) for line in lines] == [(caller, "r-1")] * 3 + [("", "")]
    assert all(0 < line["ms"] < 5000 for line in lines)
    assert lines[0]["items"] == 3


async def test_a_refused_requests_line_has_its_id_too(served: Wire) -> None:
    await served.refused("Unary", inner={})
    await served.refused("Unary", name=FOREIGN)
    await served.refused("Unary", request_id="x" * 10_000)
    assert [line["request_id"] for line in served.lines.of("call")] == ["r-1", "r-1", "x" * 64]
