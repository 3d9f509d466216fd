"""A server of the kit in this process, with a service that does as its test says, and callers that speak bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from guerdon_kit.auth import IssuerResolver, TokenVerifier, load_issuers
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.config import ServiceSettings
from guerdon_kit.grpc import CallContext, Server
from guerdon_kit.grpc.status import DETAILS_KEY
from guerdon_kit.logs import CallLog
from guerdon_kit.metrics import CallMetrics
from tests.kit_protos import message, message_class, service

AUDIENCE = "guerdon.echo"
_CLIENT_TRIES = 20
"""Of refusals that came before its first message it stumbled at one in six where other work filled the processors."""
_CLIENT_STUMBLED = "Internal error from Core"
"""What grpc's own client says where a stream is refused before it has written to it: the write fails, it is told so."""
KINDS = ["Unary", "Down", "Up", "BothWays"]
ACCOUNT = "programs/acme/accounts/a-1"
FOREIGN = "programs/foreign/accounts/a-1"
Answering = Callable[[Any, CallContext], Awaitable[str]]


async def _echo(request: Any, _call: CallContext) -> str:
    return str(request.name)


def refusing(error: BaseException) -> Answering:
    """Answers with an exception."""

    async def answer(_request: Any, _call: CallContext) -> str:
        raise error

    return answer


class Echo:
    """Answers what `answer` says; a stream downwards, `count` times."""

    service = service()

    def __init__(self) -> None:
        self.answer: Answering = _echo
        self.requests: list[Any] = []
        self.calls: list[CallContext] = []
        self.ended: list[str] = []

    async def unary(self, request: Any, call: CallContext) -> Any:
        return await self._answered(request, call)

    async def loose(self, request: Any, call: CallContext) -> Any:
        return await self._answered(request, call)

    async def loose_up(self, requests: AsyncIterator[Any], call: CallContext) -> Any:
        return await self.up(requests, call)

    async def free(self, request: Any, call: CallContext) -> Any:
        return await self._answered(request, call)

    async def down(self, request: Any, call: CallContext) -> AsyncIterator[Any]:
        try:
            for _ in range(request.count or 1):
                yield await self._answered(request, call)
        finally:
            self.ended.append("down")

    async def up(self, requests: AsyncIterator[Any], call: CallContext) -> Any:
        texts = [(await self._answered(request, call)).text async for request in requests]
        return message("Answer", text=",".join(texts))

    async def both_ways(self, requests: AsyncIterator[Any], call: CallContext) -> AsyncIterator[Any]:
        try:
            async for request in requests:
                yield await self._answered(request, call)
        finally:
            self.ended.append("both_ways")

    async def _answered(self, request: Any, call: CallContext) -> Any:
        self.requests.append(request)
        self.calls.append(call)
        return message("Answer", text=await self.answer(request, call))


@dataclass
class Lines:
    """What was logged: one dictionary a line."""

    written: list[dict[str, Any]] = field(default_factory=list)

    def info(self, event: str, **fields: Any) -> None:
        self.written.append({"event": event} | fields)

    error = warning = info

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.written if line["event"] == event]


@dataclass(frozen=True)
class Refused:
    """What a caller learns of a refusal."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    fields: list[str]
    retry_s: float | None
    replayed: bool

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> Refused:
        trailing = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(cast("bytes", trailing.get(DETAILS_KEY, b"")))
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        retry_s = None
        for detail in status.details:
            if detail.Unpack(retry):
                retry_s = retry.retry_delay.ToNanoseconds() / 1e9
            _ = detail.Unpack(info) or detail.Unpack(bad)
        assert status.message == (error.details() if status.code else "")
        return cls(
            error.code(),
            error.details() or "",
            info.reason,
            dict(info.metadata),
            [violation.field for violation in bad.field_violations],
            retry_s,
            trailing.get("guerdon-replayed") == "true",
        )


@dataclass
class Wire:
    """A running server, what it logged, and its callers."""

    server: Server
    echo: Echo
    lines: Lines
    identity: DevelopmentIdentity
    channel: grpc.aio.Channel

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def token(self, **changed: Any) -> str:
        wanted: dict[str, Any] = {
            "scopes": ["echo.use"],
            "tenants": ["programs/acme"],
            "audiences": [AUDIENCE],
            "lifetime_s": 600,
        }
        return self.identity.token(**(wanted | changed))

    def bearer(self, **changed: Any) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token(**changed)}"),)

    async def call(
        self, rpc: str, *requests: Message | bytes, metadata: Any = None, timeout: float | None = 10, **ask: Any
    ) -> list[Any]:
        """All answers of any RPC; the request is made of `ask` where none is given. Raises AioRpcError."""
        call = self.begin(rpc, *requests, metadata=metadata, timeout=timeout, **ask)
        if hasattr(call, "__aiter__"):
            return [answer async for answer in call]
        return [await call]

    def begin(
        self,
        rpc: str,
        *requests: Message | bytes,
        metadata: Any = None,
        timeout: float | None = 10,
        channel: grpc.aio.Channel | None = None,
        **ask: Any,
    ) -> Any:
        """The same call, under way."""
        method = Echo.service.methods_by_name[rpc]
        up, down = method.client_streaming, method.server_streaming
        kind = ("stream" if up else "unary") + "_" + ("stream" if down else "unary")
        multi = getattr(channel or self.channel, kind)(
            f"/{Echo.service.full_name}/{rpc}", response_deserializer=message_class("Answer").FromString
        )
        sent = [one if isinstance(one, bytes) else one.SerializeToString() for one in requests or (asked(**ask),)]
        what = iter(sent) if up else sent[0]
        return multi(what, metadata=self.bearer() if metadata is None else metadata, timeout=timeout)

    async def refused(self, rpc: str, *requests: Message | bytes, **options: Any) -> Refused:
        """How a call is refused; fails where it is not."""
        kept: tuple[list[Any], ...] = (self.lines.written, self.echo.requests, self.echo.calls)
        lengths = [len(each) for each in kept]

        def again() -> None:
            for each, length in zip(kept, lengths, strict=True):
                del each[length:]

        return await heard(lambda: self.call(rpc, *requests, **options), again)


async def heard(call: Callable[[], Awaitable[Any]], again: Callable[[], None] = lambda: None) -> Refused:
    """How what is called is refused; fails where it is not. `again` is told where it is called once more."""
    for _ in range(_CLIENT_TRIES):
        try:
            answers = await call()
        except grpc.aio.AioRpcError as error:
            if error.details() != _CLIENT_STUMBLED:
                return Refused.of(error)
            again()
        else:
            raise AssertionError(f"answered: {answers}")
    raise AssertionError("the client never heard the answer")


def asked(**values: Any) -> Any:
    """A request that is whole, with these values changed."""
    return message("Ask", **({"name": ACCOUNT, "request_id": "r-1"} | values))


@asynccontextmanager
async def wire(
    identity: DevelopmentIdentity,
    resolve: IssuerResolver | None = None,
    credentials: grpc.ChannelCredentials | None = None,
    **changed: Any,
) -> AsyncIterator[Wire]:
    """Starts the server; `changed` are its settings."""
    settings: dict[str, Any] = {
        "env": "development",
        "listen": "127.0.0.1:0",
        "shutdown_grace_s": 0,
        "issuers_file": None,
    }
    made = ServiceSettings(**(settings | changed))
    lines = Lines()
    verifier = TokenVerifier(AUDIENCE, load_issuers(identity.issuers_file, development=True), resolve)
    server = Server(made, verifier, CallLog(cast("Any", lines), CallMetrics()))
    echo = Echo()
    server.bind([echo])
    await server.start()
    target = f"127.0.0.1:{server.port}"
    secure = None if credentials is None else grpc.aio.secure_channel(target, credentials)
    channel = secure or grpc.aio.insecure_channel(target)
    try:
        yield Wire(server, echo, lines, identity, channel)
    finally:
        await channel.close()
        await server.stop()
