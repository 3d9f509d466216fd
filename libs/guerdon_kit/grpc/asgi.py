"""A gRPC server behind a host that speaks ASGI 3 with trailers: does for the handlers what `grpc.aio.server` does.

The host has the connections, HTTP/2 and TLS; a `Call` has the messages, the deadline, the metadata and its own end.
What goes wrong before a handler is asked is answered with our own refusals.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import grpc

from guerdon_kit.errors import Overloaded, Unavailable
from guerdon_kit.grpc import wire
from guerdon_kit.grpc.asgi_call import LAST_BYTES_S, Call, Event, Receive, Send, as_it_is

LARGE_BYTES = 16 * 1024
"""An answer of more may lie with the host for a while: what its caller has not read."""


class _Details(NamedTuple):
    """`grpc.HandlerCallDetails`."""

    method: str
    invocation_metadata: Any


class AsgiServer:
    """An ASGI application for HTTP, which serves gRPC's generic handlers."""

    def __init__(self, message_max: int, per_connection_max: int, message_within_s: float) -> None:
        self._message_max = message_max
        self._per_connection_max = per_connection_max
        self._message_within_s = message_within_s
        """How long a request that is one message may take to come, where its caller sets no deadline."""
        self._large_until = 0.0
        """Until when a host may be at sending what was large."""
        self._handlers: list[grpc.GenericRpcHandler] = []
        self._interceptors: list[grpc.aio.ServerInterceptor] = []
        self._known: dict[str, Any] = {}
        self._calls: set[Call] = set()
        self._connections: Counter[Any] = Counter()
        self._stopping = False
        self.started = asyncio.Event()
        """Whether it may be asked."""

    def add_interceptors(self, interceptors: Sequence[grpc.aio.ServerInterceptor]) -> None:
        """Has each call go through them, the first one outermost."""
        self._interceptors += interceptors

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Serves these too."""
        self._handlers += handlers

    async def start(self) -> None:
        """Lets the host listen."""
        self.started.set()

    async def stop(self, grace_s: float) -> None:
        """Refuses new calls; returns when those under way have ended, which they are made to after the grace."""
        self._stopping = True
        ends = time.monotonic() + grace_s
        if self._calls:
            await asyncio.wait([call.task for call in self._calls], timeout=grace_s)
        while self._calls:
            for call in self._calls:
                call.cut()
            await asyncio.wait([call.task for call in self._calls])
        # A host that ends sends no more, and does not say when it has sent everything.
        await asyncio.sleep(max(0.0, min(self._large_until, ends) - time.monotonic()))

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Serves one request."""
        call = Call(scope, receive, send, self._message_max, self._message_within_s)
        self._calls.add(call)
        connection = scope["client"]
        self._connections[connection] += 1
        try:
            if self._stopping:
                await call.refuse(Unavailable())
            elif self._connections[connection] > self._per_connection_max:
                await call.refuse(Overloaded())
            else:
                await self._serve(call)
        except asyncio.CancelledError:
            while call.task.cancelling():
                call.task.uncancel()
            if not call.gone:  # the grace of a stop is over
                await call.refuse(Unavailable())
        finally:
            self._connections[connection] -= 1
            if not self._connections[connection]:
                del self._connections[connection]
            if self._stopping:
                await call.delivered()
            if call.sent_bytes > LARGE_BYTES:
                self._large_until = time.monotonic() + LAST_BYTES_S
            call.over()
            self._calls.discard(call)

    async def _serve(self, call: Call) -> None:
        if not call.is_grpc:
            await call.not_grpc()
            return
        handler = await self._handler(call)
        if handler is None:
            await call.end(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
            return
        try:
            await _handled(handler, call)
        except grpc.aio.AbortError:
            await call.end(call.code, call.text)
        except wire.Unusable as error:
            await call.refuse_message(error)
        except Exception:
            # The pipeline lets nothing through but aborts: a defect of a library's servicer, whose text stays here.
            await call.end(grpc.StatusCode.INTERNAL, "internal error")
            raise
        else:
            await call.end(grpc.StatusCode.OK, "")

    async def _handler(self, call: Call) -> Any:
        if not self._interceptors:
            return self._find(call.path)

        async def found(details: Any) -> Any:
            return self._find(details.method)

        following: Any = found
        for interceptor in reversed(self._interceptors):
            following = _through(interceptor, following)
        return await following(_Details(call.path, call.invocation_metadata()))

    def _find(self, path: str) -> Any:
        known = self._known.get(path)
        if known is None:
            details = cast("Any", _Details(path, ()))
            known = next((found for handler in self._handlers if (found := handler.service(details))), None)
            if known is not None:
                self._known[path] = known
        return known


def _through(interceptor: grpc.aio.ServerInterceptor, following: Any) -> Any:
    async def intercepted(details: Any) -> Any:
        return await interceptor.intercept_service(following, details)

    return intercepted


async def _handled(handler: Any, call: Call) -> None:
    """Has a handler of any kind answer a call. Its answers are sent, but for the status."""
    read = handler.request_deserializer or as_it_is
    call.write_with(handler.response_serializer or as_it_is)
    request = call.messages(read) if handler.request_streaming else read(await call.message())
    # Of the four kinds it has one, and None for the others.
    serve = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    answers = serve(request, call)
    if not handler.response_streaming:
        call.answer(await answers)
    elif hasattr(answers, "__aiter__"):
        async for answer in answers:
            await call.write(answer)
    else:
        await answers  # it writes them itself
