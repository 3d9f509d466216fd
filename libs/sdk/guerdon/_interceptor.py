"""What every call goes through: a token, a deadline, and errors that can be read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import grpc.aio

from guerdon.errors import error_from_call

if TYPE_CHECKING:
    from google.protobuf.message import Message

TokenSource = Callable[[], Awaitable[str]]
_Call = TypeVar("_Call", bound=Awaitable[Any])


class Decorator:
    """Adds the bearer token and a deadline to calls, and turns failures into `guerdon.GuerdonError`."""

    def __init__(
        self, token: str | TokenSource | None, *, timeout_seconds: float, stream_timeout_seconds: float
    ) -> None:
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._stream_timeout_seconds = stream_timeout_seconds

    def interceptors(self) -> list[grpc.aio.ClientInterceptor]:
        """Return one interceptor for each shape of call: grpc files an interceptor under one shape only."""
        return [_UnaryUnary(self), _UnaryStream(self), _StreamUnary(self), _StreamStream(self)]

    async def unary(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        """Return the details of a call with one answer, completed."""
        return await self._completed(details, self._timeout_seconds)

    async def stream(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        """Return the details of a call that streams in either direction, completed."""
        return await self._completed(details, self._stream_timeout_seconds)

    async def _completed(
        self, details: grpc.aio.ClientCallDetails, timeout_seconds: float
    ) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        token = self._token if self._token is None or isinstance(self._token, str) else await self._token()
        if token is not None and not metadata.get_all("authorization"):
            metadata.add("authorization", f"Bearer {token}")
        return grpc.aio.ClientCallDetails(
            details.method,
            timeout_seconds if details.timeout is None else details.timeout,
            metadata,
            details.credentials,
            details.wait_for_ready,
        )


async def _answered(call: _Call) -> _Call:
    """Wait for the one answer of a call, so that a failure can be raised in our own words."""
    try:
        await call
    except grpc.aio.AioRpcError as failure:
        raise error_from_call(failure) from failure
    return call


async def _answers(call: AsyncIterator[Message]) -> AsyncIterator[Message]:
    """Pass on the answers of a streaming call; a failure is raised in our own words."""
    try:
        async for answer in call:
            yield answer
    except grpc.aio.AioRpcError as failure:
        raise error_from_call(failure) from failure


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, decorator: Decorator) -> None:
        self._decorator = decorator

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await _answered(await continuation(await self._decorator.unary(client_call_details), request))


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, decorator: Decorator) -> None:
        self._decorator = decorator

    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return _answers(await continuation(await self._decorator.stream(client_call_details), request))


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, decorator: Decorator) -> None:
        self._decorator = decorator

    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        details = await self._decorator.stream(client_call_details)
        return await _answered(await continuation(details, request_iterator))


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, decorator: Decorator) -> None:
        self._decorator = decorator

    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        details = await self._decorator.stream(client_call_details)
        return _answers(await continuation(details, request_iterator))
