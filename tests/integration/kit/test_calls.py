"""The way of a call: its kinds, its deadline, its end, and its line in the log."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.errors import (
    ReplayedRefusal,
    Status,
    Unavailable,
)
from guerdon_kit.grpc import CallContext
from guerdon_kit.testing import wait_until
from tests.integration.kit.echo import ACCOUNT, FOREIGN, KINDS, Refused, Wire, asked, refusing, wire


@pytest.mark.parametrize("rpc", KINDS)
async def test_each_kind_of_call_is_answered_and_knows_its_caller(served: Wire, rpc: str) -> None:
    assert [answer.text for answer in await served.call(rpc)] == [ACCOUNT]
    [call] = served.echo.calls
    assert call.caller.subject == "developer"
    assert call.method == f"kittest.v1.EchoService/{rpc}"
    assert (call.request_id, call.tenants) == ("r-1", frozenset({"programs/acme"}))
    assert 5 < call.remaining_s() < 11  # on the wire a deadline is rounded up


async def test_streams_carry_many_messages_both_ways(served: Wire) -> None:
    assert len(await served.call("Down", count=300)) == 300
    requests = [asked(request_id=f"r-{number}") for number in range(300)]
    assert len((await served.call("Up", *requests))[0].text.split(",")) == 300
    assert len(await served.call("BothWays", *requests)) == 300


async def _forever(_request: Any, _call: CallContext) -> str:
    await asyncio.Event().wait()
    return ""


async def test_a_call_of_each_kind_without_a_deadline_gets_one(identity: DevelopmentIdentity, monkeypatch: Any) -> None:
    monkeypatch.setattr("guerdon_kit.grpc.pipeline.STREAM_DEADLINE_FACTOR", 1)

    async def ends(served: Wire, rpc: str) -> None:
        started = time.monotonic()
        refused = await served.refused(rpc, timeout=None)
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"), rpc
        assert 0.9 < time.monotonic() - started < 9

    async with wire(identity, default_deadline_s=1) as served:
        served.echo.answer = _forever
        await asyncio.gather(*(ends(served, rpc) for rpc in KINDS))


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
        refused = await served.refused(rpc, asked(padding=b"x" * 100_001))
        assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED


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
