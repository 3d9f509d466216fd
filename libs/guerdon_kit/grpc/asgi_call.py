"""One call behind a host of ASGI: what its handler is given of it, and what its server does with it.

The messages of its request as they come, the deadline, the metadata, the answers, and its end.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, NoReturn, cast

import grpc

from guerdon_kit.errors import DomainError, MalformedRequest
from guerdon_kit.grpc import wire
from guerdon_kit.grpc.status import CODES, DETAILS_KEY, to_status

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

LAST_BYTES_S = 1.0
"""How long a host may take to have sent what was answered."""
AHEAD_BYTES = 64 * 1024
"""What may have come of a body before somebody asks for it."""
LOOK_EVERY_S = 1.0
"""How often a caller is looked for of whom the host does not tell when they leave."""
_START: Event = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/grpc"), (b"grpc-accept-encoding", wire.ENCODINGS)],
    "trailers": True,
}


def as_it_is(payload: bytes) -> bytes:
    """A message that is not to be read or written by us."""
    return payload


class Call:
    """One call: as much of `grpc.aio.ServicerContext` as our pipeline, the libraries' servicers and tracing use."""

    def __init__(self, scope: Event, receive: Receive, send: Send, message_max: int, message_within_s: float) -> None:
        self.path: str = scope["path"]
        self.task = cast("asyncio.Task[None]", asyncio.current_task())
        self.code = grpc.StatusCode.OK
        self.text = ""
        self.gone = False
        """Whether nobody waits for the answer any more."""
        self._scope = scope
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._receive = receive
        self._send = send
        self._message_max = message_max
        self._message_within_s = message_within_s
        self.sent_bytes = 0
        """Of messages, frames included."""
        allowed_s = wire.timeout_s(self._headers.get(b"grpc-timeout", b""))
        self._deadline = None if allowed_s is None else time.monotonic() + allowed_s
        self._trailing: wire.Metadata = ()
        self._write: Callable[[Any], bytes] = as_it_is
        self._answer = b""
        self._started = self._ended = False
        self._stuck = False
        """Whether an answer waits for the caller to read."""
        self._coming: asyncio.Future[Event] | None = None
        self._news: asyncio.Future[None] | None = None
        self._next_look: asyncio.TimerHandle | None = None
        self._look: asyncio.Future[None] | None = None
        self._pieces: deque[tuple[bytes, bool]] = deque()
        """Of the body: what has come and is not asked for yet, and whether it is the last."""
        self._waiting = 0
        self._heard_all = self._asked_all = False

    @property
    def is_grpc(self) -> bool:
        """Whether it says so; and that it takes trailers, without which it would learn of no status."""
        headers = self._headers
        return headers.get(b"content-type", b"").startswith(b"application/grpc") and headers.get(b"te") == b"trailers"

    # What handlers are given.

    def invocation_metadata(self) -> list[wire.Metadatum]:
        """What the caller sent beside the message."""
        return wire.received(self._scope["headers"])

    def time_remaining(self) -> float | None:
        """The seconds until the caller's deadline; None: it has none."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def peer(self) -> str:
        """Who calls, as `grpc` puts it."""
        host, port = self._scope["client"]
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"

    def set_trailing_metadata(self, metadata: wire.Metadata) -> None:
        """What is sent beside the status."""
        self._trailing = metadata

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: wire.Metadata = ()) -> NoReturn:
        """Ends the call. Raises grpc.aio.AbortError, which is the server's to catch."""
        self.code, self.text = code, details
        self._trailing = trailing_metadata or self._trailing
        raise grpc.aio.AbortError

    async def write(self, message: Any) -> None:
        """Sends one of several answers; returns when there is room for another."""
        await self._begin()
        body = wire.framed(self._write(message))
        self.sent_bytes += len(body)
        self._stuck = True
        # Shielded: pyvoy answers a send that has been cancelled with an error of its own.
        sending = asyncio.ensure_future(self._push({"type": "http.response.body", "body": body, "more_body": True}))
        await asyncio.shield(sending)
        self._stuck = False

    # What the server does.

    def write_with(self, serializer: Callable[[Any], bytes]) -> None:
        """How answers become bytes."""
        self._write = serializer

    def answer(self, message: Any) -> None:
        """The only answer; it is sent with the status."""
        self._answer = wire.framed(self._write(message))

    async def message(self) -> bytes:
        """The only message of the request.

        Raises:
            wire.Unusable: there is not exactly one.
            grpc.aio.AbortError: it has not come within the time that the call has.
        """
        remaining_s = self.time_remaining()
        try:
            async with asyncio.timeout(self._message_within_s if remaining_s is None else remaining_s):
                return await self._only_message()
        except TimeoutError:
            await self.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "The message did not come in time.")

    async def _only_message(self) -> bytes:
        self._listen()
        piece = await self._piece()
        if self._asked_all and len(piece) <= self._message_max:
            message = wire.only_message(piece)
            if message is not None:
                return message
        only = None
        async for message in self._messages(piece):
            if only is not None:  # before more of them come, which nobody has asked who may send them
                raise wire.Malformed
            only = message
        if only is None:
            raise wire.Malformed
        return only

    async def messages(self, read: Callable[[bytes], Any]) -> AsyncIterator[Any]:
        """The messages of the request as they come, read. Where one is of no use the call ends here, and what waits for
        it is cancelled.
        """
        try:
            self._listen()
            async for message in self._messages(await self._piece()):
                yield read(message)
        except wire.Unusable as error:
            await self.refuse_message(error)
            self.task.cancel()
            await asyncio.sleep(0)

    async def _messages(self, piece: bytes) -> AsyncIterator[bytes]:
        """The messages of the body that begins with this piece."""
        body = wire.Unframer(self._message_max, self._headers.get(b"grpc-encoding", b"identity"))
        while True:
            for message in body.feed(piece):
                yield message
            if self._asked_all:
                break
            piece = await self._piece()
        if not body.between_messages:
            raise wire.Malformed

    async def end(self, code: grpc.StatusCode, text: str) -> None:
        """Sends the answer, if any, and the status."""
        if self._ended:
            return
        self._ended = True
        if not self._stuck:
            await self._finish(code, text)
            return
        # The host may take no more until the caller reads: nobody waits for that.
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_BYTES_S):
                await self._finish(code, text)

    async def _finish(self, code: grpc.StatusCode, text: str) -> None:
        answer = self._answer if code is grpc.StatusCode.OK else b""
        self.sent_bytes += len(answer)
        await self._begin()
        await self._push({"type": "http.response.body", "body": answer, "more_body": False})
        trailers = [*wire.status(code.value[0], text), *wire.sent(self._trailing)]
        await self._push({"type": "http.response.trailers", "headers": trailers, "more_trailers": False})

    async def refuse(self, error: DomainError) -> None:
        """Ends the call with a refusal of our own."""
        status = to_status(error)
        self._trailing = ((DETAILS_KEY, status.SerializeToString()),)
        await self.end(CODES[status.code], status.message)

    async def refuse_message(self, error: wire.Unusable) -> None:
        """Ends the call because of a message that cannot be read."""
        if isinstance(error, wire.Malformed):
            await self.refuse(MalformedRequest())
        elif isinstance(error, wire.TooLarge):
            most = f"A message may have {self._message_max} bytes."
            await self.end(grpc.StatusCode.RESOURCE_EXHAUSTED, most)
        else:
            await self.end(grpc.StatusCode.UNIMPLEMENTED, "Messages may be compressed by gzip or deflate.")

    async def not_grpc(self) -> None:
        """Answers what is no gRPC (the protocol document: by HTTP's 415)."""
        self._ended = True
        await self._push({"type": "http.response.start", "status": 415, "headers": []})
        await self._push({"type": "http.response.body", "body": b"", "more_body": False})

    async def delivered(self) -> None:
        """Returns when the host says that the caller has everything or is gone, if it says so (pyvoy does not)."""
        if self._coming is not None and not self.gone:
            await asyncio.wait([self._coming], timeout=LAST_BYTES_S)

    def over(self) -> None:
        """Nothing more is done for it."""
        self._ended = True
        if self._next_look is not None:
            self._next_look.cancel()

    def cut(self) -> None:
        """Cancels its handler, unless that has come to its end."""
        if not self._ended and not self.task.cancelling():
            self.task.cancel()

    async def _begin(self) -> None:
        if not self._started:
            self._started = True
            await self._push(_START)

    async def _push(self, event: Event) -> None:
        try:
            await self._send(event)
        except OSError as error:  # ASGI: how the host says that the caller is gone
            # pyvoy's is one and the same error each time, which would keep all that such calls had.
            error.__traceback__ = error.__context__ = None
            self._leave()
            await asyncio.sleep(0)

    async def _piece(self) -> bytes:
        """The next piece of the body."""
        while not self._pieces:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        piece, last = self._pieces.popleft()
        self._asked_all = last
        self._waiting -= len(piece)
        if self._coming is None:
            self._listen()
        return piece

    def _listen(self) -> None:
        """Asks the host for what comes next: a piece of the body, or that the caller is gone."""
        self._coming = asyncio.ensure_future(self._receive())
        self._coming.add_done_callback(self._heard)

    def _heard(self, coming: asyncio.Future[Event]) -> None:
        if coming.cancelled():  # the host ends
            return
        event = coming.result()
        if event["type"] == "http.disconnect":
            self._leave()
            return
        if self._heard_all:  # by a host that answers whoever asks for more at once: it cannot be waited for
            self._look_later()
            return
        self._heard_all = not event.get("more_body", False)
        piece: bytes = event.get("body", b"")
        self._pieces.append((piece, self._heard_all))
        self._waiting += len(piece)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
        # Of what nobody takes, no more; while there is little of it, whether the caller is still there.
        self._coming = None
        if self._waiting <= AHEAD_BYTES:
            self._listen()

    def _look_later(self) -> None:
        if not self._ended:
            self._next_look = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look_for_caller)

    def _look_for_caller(self) -> None:
        """Sends no bytes of an answer, which fails when nobody is there."""
        self._look = asyncio.ensure_future(self._send_nothing())
        self._look.add_done_callback(lambda _: self._look_later())

    async def _send_nothing(self) -> None:
        if not self._ended:
            await self._begin()
        if not self._ended and not self._stuck:
            await self._push({"type": "http.response.body", "body": b"", "more_body": True})

    def _leave(self) -> None:
        self.gone = True
        self.cut()
