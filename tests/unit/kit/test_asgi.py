"""Our server behind a host of ASGI that does what hosts do: it cuts bodies, answers at once, and loses callers."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterable
from functools import partial
from typing import Any

import grpc
import pytest

from guerdon_kit.grpc import asgi_call, wire
from guerdon_kit.grpc.asgi import AsgiServer
from guerdon_kit.grpc.asgi_call import Event
from guerdon_kit.testing import wait_until

MESSAGE_MAX = 1_000
LOST = OSError("one error for all callers that are lost")


class Host:
    """Has a body in pieces, and then answers at once whatever is asked, as pyvoy does."""

    def __init__(self, *pieces: bytes, whole: bool = True, lost: bool = False) -> None:
        self.pieces = list(pieces)
        self.whole = whole
        self.lost = lost
        self.sent: list[Event] = []
        self.asked = 0

    async def receive(self) -> Event:
        self.asked += 1
        if not self.pieces and not self.whole:
            await asyncio.Event().wait()
        body = self.pieces.pop(0) if self.pieces else b""
        return {"type": "http.request", "body": body, "more_body": bool(self.pieces) or not self.whole}

    async def send(self, event: Event) -> None:
        if self.lost:
            raise LOST
        self.sent.append(event)

    @property
    def status(self) -> bytes:
        [trailers] = [event["headers"] for event in self.sent if event["type"] == "http.response.trailers"]
        status: bytes = dict(trailers)[b"grpc-status"]
        return status


class Handlers(grpc.GenericRpcHandler):
    """`/x/Unary` and `/x/Down`."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.released = asyncio.Event()
        self.seen: weakref.ref[Any] | None = None

    def service(self, handler_call_details: Any) -> Any:
        if handler_call_details.method == "/x/Unary":
            return grpc.unary_unary_rpc_method_handler(self.unary)
        return grpc.unary_stream_rpc_method_handler(self.down)

    async def unary(self, request: bytes, context: Any) -> bytes:
        self.asked.append(request)
        self.seen = weakref.ref(context)
        return request

    async def down(self, request: bytes, context: Any) -> Any:
        self.asked.append(request)
        self.seen = weakref.ref(context)
        await self.released.wait()
        yield request


async def called(
    host: Host, handlers: Handlers, path: str = "/x/Unary", within_s: float = 5, headers: Iterable[Any] = ()
) -> None:
    server = AsgiServer(MESSAGE_MAX, 10, within_s)
    server.add_generic_rpc_handlers([handlers])
    told = [(b"content-type", b"application/grpc"), (b"te", b"trailers"), *headers]
    scope = {"type": "http", "path": path, "client": ("127.0.0.1", 1), "headers": told}
    await asyncio.ensure_future(server(scope, host.receive, host.send))
    assert not server._calls
    assert not server._connections


async def test_a_second_message_ends_a_call_that_has_one_before_any_more_is_taken() -> None:
    for body in ([wire.framed(b"a")] * 1_000, [wire.framed(b"") * 1_000]):
        host, handlers = Host(*body, whole=False), Handlers()
        await called(host, handlers)
        assert (host.status, handlers.asked) == (b"3", [])
        assert host.asked < 200, "what may come ahead, and no more"


@pytest.mark.parametrize("headers", [(), ((b"grpc-timeout", b"50m"),), ((b"grpc-timeout", b"0n"),)])
@pytest.mark.parametrize("pieces", [(), (wire.framed(b"abc")[:-1],)])
async def test_a_message_that_does_not_come_is_waited_for_as_long_as_the_call_has(
    headers: Iterable[Any], pieces: Iterable[bytes]
) -> None:
    host, handlers = Host(*pieces, whole=False), Handlers()
    async with asyncio.timeout(2):
        await called(host, handlers, within_s=5 if headers else 0.05, headers=headers)
    assert (host.status, handlers.asked) == (b"4", [])


async def test_nothing_is_kept_of_callers_that_are_lost() -> None:
    for path in ("/x/Unary", "/x/Down"):
        handlers = Handlers()
        handlers.released.set()
        await called(Host(wire.framed(b"abc"), lost=True), handlers, path)
        await wait_until(partial(is_gone, handlers.seen))


def is_gone(seen: weakref.ref[Any] | None) -> bool:
    gc.collect()
    return seen is not None and seen() is None


async def test_a_caller_is_looked_for_while_a_call_takes_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_call, "LOOK_EVERY_S", 0.01)
    host, handlers = Host(wire.framed(b"abc")), Handlers()
    calling = asyncio.ensure_future(called(host, handlers, "/x/Down"))
    async with asyncio.timeout(2):
        await wait_until(lambda: len(host.sent) >= 4)
        assert [event.get("body", b"") for event in host.sent[1:]] == [b""] * (len(host.sent) - 1)
        host.lost = True
        await calling
    async with asyncio.timeout(2):
        host, handlers = Host(wire.framed(b"abc")), Handlers()
        handlers.released.set()
        await called(host, handlers, "/x/Down")
    sent = len(host.sent)
    await asyncio.sleep(0.05)
    assert len(host.sent) == sent, "nobody looks after the end"
    assert host.status == b"0"


@pytest.mark.parametrize("te", [b"Trailers", b"", b"deflate"])
async def test_who_takes_no_trailers_is_not_served(te: bytes) -> None:
    host, handlers = Host(wire.framed(b"abc")), Handlers()
    await called(host, handlers, headers=[(b"te", te)])
    assert (host.sent[0]["status"], handlers.asked) == (415, [])
