"""Calling another service: its own token, a deadline, retries with the same request, and answers one can act on."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from guerdon_kit.errors import DomainError, Status
from guerdon_kit.grpc.requests import access_of
from guerdon_kit.grpc.status import DETAILS_KEY, read_details

Answer = TypeVar("Answer", bound=Message)

TokenSource = Callable[[str, tuple[str, ...], str], str]
"""Makes a token of a scope, tenants and the original caller."""

_RETRY = {grpc.StatusCode.UNAVAILABLE}
_UNKNOWN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.DATA_LOSS,
}
_BEFORE_RECORDS = {
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""Refused before the callee looked whether it had done the request already: no news of an earlier attempt."""


class RemoteError(DomainError):
    """Another service refused, definitely: it has done nothing.

    Where a service does not translate it, its caller sees that a part it relies on failed, not the part's words.
    `retried`: of this try. An earlier one of the same call had no answer, and its copy may be under way.
    """

    reason = "DEPENDENCY_REFUSED"
    status = Status.INTERNAL
    message = "A service that this one relies on refused."

    def __init__(self, code: Status, reason: str, metadata: dict[str, str], message: str) -> None:
        super().__init__()
        self.remote_status = code
        self.remote_reason = reason
        self.remote_metadata = metadata
        self.remote_message = message
        self.retried = False

    def __str__(self) -> str:
        return f"{self.remote_status.name} {self.remote_reason} {self.remote_metadata}: {self.remote_message}"


class OutcomeUnknown(DomainError):
    """Another service did not answer in time: it may or may not have acted. Ask again with the same request."""

    reason = "OUTCOME_UNKNOWN"
    status = Status.UNAVAILABLE
    message = "A service that this one relies on did not answer; send the same request again."


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How calls are encrypted: the authority that is trusted (PEM), and what is presented where the callee asks."""

    ca_file: Path
    key_file: Path | None = None
    cert_file: Path | None = None


class Remote:
    """One service of another process. Several channels, because one channel stays with one worker."""

    def __init__(
        self,
        target: str,
        service: ServiceDescriptor,
        token: TokenSource,
        channels: int = 2,
        tls: ClientTls | None = None,
        traced: bool = False,
    ) -> None:
        self._service = service
        self._token = token
        self._channels = [_channel(target, number, tls, traced) for number in range(channels)]
        self._next_channel = cycle(self._channels)
        self._scopes: dict[str, str] = {}
        self._calls: dict[tuple[int, str], Any] = {}

    async def call(
        self,
        rpc: str,
        request: Message,
        answer: type[Answer],
        *,
        tenants: Iterable[str],
        act: str = "",
        timeout_s: float = 10.0,
    ) -> Answer:
        """Calls a unary RPC, again and again on UNAVAILABLE until the timeout: every write carries a `request_id`.

        Raises:
            RemoteError: a definite refusal.
            OutcomeUnknown: no answer in time.
        """
        until = time.monotonic() + timeout_s
        wanted = (self._scope(rpc), tuple(sorted(tenants)), act)
        delay = 0.02
        retried = False
        while True:
            # A token for each attempt: the first one may expire while the callee is away.
            metadata = (("authorization", "Bearer " + self._token(*wanted)),)
            try:
                response = await self._call(rpc)(
                    request, timeout=max(until - time.monotonic(), 0.001), metadata=metadata
                )
            except grpc.aio.AioRpcError as error:
                left = until - time.monotonic()
                if error.code() in _RETRY and left > delay:
                    await asyncio.sleep(delay * random.uniform(0.5, 1.0))
                    delay = min(delay * 2, 1.0)
                    retried = True
                    continue
                if retried and error.code() in _BEFORE_RECORDS:
                    raise OutcomeUnknown from error
                refusal = translated(error)
                if isinstance(refusal, RemoteError):
                    refusal.retried = retried
                raise refusal from error
            assert isinstance(response, answer), f"{rpc} answers {type(response).__name__}"
            return response

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels:
            await channel.close()

    def _scope(self, rpc: str) -> str:
        scope = self._scopes.get(rpc)
        if scope is None:
            scope = self._scopes[rpc] = access_of(self._service.methods_by_name[rpc]).scope
        return scope

    def _call(self, rpc: str) -> Any:
        channel = next(self._next_channel)
        call = self._calls.get((id(channel), rpc))
        if call is None:
            method = self._service.methods_by_name[rpc]
            call = channel.unary_unary(
                f"/{self._service.full_name}/{rpc}",
                request_serializer=GetMessageClass(method.input_type).SerializeToString,
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            self._calls[(id(channel), rpc)] = call
        return call


def translated(error: grpc.aio.AioRpcError) -> RemoteError | OutcomeUnknown:
    """What a failed call means: a definite refusal, or an unknown outcome."""
    if error.code() in _UNKNOWN:
        return OutcomeUnknown()
    reason = ""
    metadata: dict[str, str] = {}
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY:
            try:
                reason, metadata = read_details(status_pb2.Status.FromString(value))
            except DecodeError:
                continue
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and not reason:
        return OutcomeUnknown()  # our own channel's word for an answer larger than it takes: the callee has acted
    code: int = error.code().value[0]
    return RemoteError(Status(code), reason, metadata, error.details() or "")


def _channel(target: str, number: int, tls: ClientTls | None, traced: bool) -> grpc.aio.Channel:
    options: list[tuple[str, Any]] = [
        ("grpc.use_local_subchannel_pool", 1),
        ("guerdon.channel_number", number),
        ("grpc.max_receive_message_length", 16 * 1024 * 1024),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # What it bounds is how long one attempt to connect may take, however busy the server and far away.
        ("grpc.min_reconnect_backoff_ms", 5_000),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.enable_retries", 0),
    ]
    interceptors = _tracing() if traced else None
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)
    files = (tls.ca_file, tls.key_file, tls.cert_file)
    authority, key, chain = [None if file is None else file.read_bytes() for file in files]
    credentials = grpc.ssl_channel_credentials(authority, key, chain)
    return grpc.aio.secure_channel(target, credentials, options=options, interceptors=interceptors)


def _tracing() -> list[grpc.aio.ClientInterceptor]:
    """Carries the trace on to the callee."""
    from opentelemetry.instrumentation.grpc import aio_client_interceptors

    interceptors: list[grpc.aio.ClientInterceptor] = aio_client_interceptors()  # type: ignore[no-untyped-call]  # the library has no types
    return interceptors
