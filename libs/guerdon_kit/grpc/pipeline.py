"""The way of every call: authenticate, decode, check, serve, answer.

The requests arrive as bytes because `grpc.aio` answers bytes that do not decode with exception text before any
interceptor runs. The boundary here is the outermost: nothing but a `DomainError` has a text that leaves.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from guerdon.options.v1 import options_pb2
from guerdon_kit.auth import Caller, TokenVerifier
from guerdon_kit.errors import (
    DeadlineExceeded,
    DomainError,
    InvalidField,
    MalformedRequest,
    NotFound,
    Overloaded,
    ReplayedRefusal,
    ScopeRequired,
    Status,
)
from guerdon_kit.grpc import requests
from guerdon_kit.grpc.context import CallContext
from guerdon_kit.grpc.scrub import scrub
from guerdon_kit.grpc.status import CODES, DETAILS_KEY, internal, to_status
from guerdon_kit.ids import new_id
from guerdon_kit.logs import CallLog
from guerdon_kit.names import ID, tenant_of

REPLAYED_KEY = "guerdon-replayed"
STREAM_DEADLINE_FACTOR = 30

_NAME = re.compile(rf"[a-z][A-Za-z]{{0,40}}/{ID}(/[a-z][A-Za-z]{{0,40}}/{ID}){{0,5}}(/[a-z][A-Za-z]{{0,40}})?")

# Streams are written from within the call's deadline, which could not interrupt a `yield`: whoever takes what is
# yielded waits outside of it. They are generators nevertheless, because tracing takes nothing else for a stream.
_WRITTEN_ALREADY: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Limits:
    """What bounds the calls of one process; `serving` counts those under way."""

    concurrent_max: int
    default_deadline_s: float
    deadline_max_s: float
    serving: int = 0

    def allowed_s(self, wanted: float | None, factor: int) -> float:
        """How long a call may take: what its caller allows, or the default, and never more than the cap."""
        return self.default_deadline_s * factor if wanted is None else min(wanted, self.deadline_max_s * factor)


class Method:
    """One RPC of one service: its handler, and what its descriptors demand."""

    def __init__(
        self,
        descriptor: Any,
        handler: Callable[..., Any],
        verifier: TokenVerifier,
        limits: Limits,
        log: CallLog,
    ) -> None:
        self.descriptor = descriptor
        self.name = f"{descriptor.containing_service.full_name}/{descriptor.name}"
        self._handler = handler
        self._verifier = verifier
        self._limits = limits
        self._log = log
        self._request_class: type[Message] = GetMessageClass(descriptor.input_type)
        access = requests.access_of(descriptor)
        self._scope = access.scope
        self._demands = requests.compile_demands(descriptor.input_type)
        self._has_request_id = "request_id" in descriptor.input_type.fields_by_name
        self._has_tenant = access.tenant != options_pb2.TENANT_NONE
        if self._has_tenant and not self._demands.names_resources:
            raise ValueError(f"{self.name} declares a tenant, but its request names no resource")

    def grpc_handler(self) -> Any:
        """What `grpc.aio` is given: bytes in, bytes out."""
        kind = (self.descriptor.client_streaming, self.descriptor.server_streaming)
        return {
            (False, False): lambda: grpc.unary_unary_rpc_method_handler(self._unary_unary),
            (False, True): lambda: grpc.unary_stream_rpc_method_handler(self._unary_stream),
            (True, False): lambda: grpc.stream_unary_rpc_method_handler(self._stream_unary),
            (True, True): lambda: grpc.stream_stream_rpc_method_handler(self._stream_stream),
        }[kind]()

    async def _unary_unary(self, payload: bytes, context: Any) -> bytes:
        async def serve(call: CallContext) -> bytes:
            request = self._admit(self._decode(payload), call)
            response: Message = await self._handler(request, call)
            return response.SerializeToString()

        return await self._bounded(context, serve, factor=1)

    async def _stream_unary(self, payloads: AsyncIterator[bytes], context: Any) -> bytes:
        async def serve(call: CallContext) -> bytes:
            async with aclosing(self._requests(payloads, call)) as received:
                response: Message = await self._handler(received, call)
            return response.SerializeToString()

        return await self._bounded(context, serve, factor=STREAM_DEADLINE_FACTOR)

    async def _unary_stream(self, payload: bytes, context: Any) -> AsyncIterator[bytes]:
        async def serve(call: CallContext) -> bytes:
            request = self._admit(self._decode(payload), call)
            return await _write_all(self._handler(request, call), context)

        await self._bounded(context, serve, factor=STREAM_DEADLINE_FACTOR)
        for response in _WRITTEN_ALREADY:
            yield response

    async def _stream_stream(self, payloads: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async def serve(call: CallContext) -> bytes:
            async with aclosing(self._requests(payloads, call)) as received:
                return await _write_all(self._handler(received, call), context)

        await self._bounded(context, serve, factor=STREAM_DEADLINE_FACTOR)
        for response in _WRITTEN_ALREADY:
            yield response

    async def _requests(self, payloads: AsyncIterator[bytes], call: CallContext) -> AsyncGenerator[Message]:
        async for payload in payloads:
            yield self._admit(self._decode(payload), call)

    async def _bounded(self, context: Any, serve: Callable[[CallContext], Awaitable[bytes]], factor: int) -> bytes:
        """Runs one call within its limits, logs it, and turns whatever goes wrong into a status."""
        started = time.monotonic()
        limits = self._limits
        allowed_s = limits.allowed_s(context.time_remaining(), factor)
        timer = asyncio.timeout(allowed_s)
        call: CallContext | None = None
        failure: BaseException
        limits.serving += 1
        try:
            if limits.serving > limits.concurrent_max:
                raise Overloaded
            async with timer:
                call = CallContext(await self._identify(context), self.name, started + allowed_s)
                answer = await serve(call)
        except asyncio.CancelledError as error:
            if _cancelled_from_outside():
                self._log.call(self.name, call, "CANCELLED", started)
                raise  # the caller is gone, or the server is past its grace: grpc ends the call itself
            failure = error  # something that the handler waited for was cancelled, and the caller still waits
        except TimeoutError as error:
            failure = DeadlineExceeded() if timer.expired() else error
        except Exception as error:  # noqa: BLE001  # nothing passes this boundary but as a status
            failure = error
        else:
            if call.replayed:
                context.set_trailing_metadata(((REPLAYED_KEY, "true"),))
            self._log.call(self.name, call, "OK", started)
            return answer
        finally:
            limits.serving -= 1
        await self._refuse(context, call, failure, started)
        raise AssertionError("abort does not return")

    async def _identify(self, context: Any) -> Caller:
        caller = await self._verifier.verify(bearer_token(context.invocation_metadata()))
        if not caller.may(self._scope):
            raise ScopeRequired(scope=self._scope)
        return caller

    def _decode(self, payload: bytes) -> Message:
        try:
            return self._request_class.FromString(payload)
        except DecodeError as error:
            raise MalformedRequest from error

    def _admit(self, request: Any, call: CallContext) -> Any:
        if self._has_request_id:
            call.request_id = request.request_id[: requests.REQUEST_ID_MAX]
        call.request = request
        names, violations = self._demands.look(request)
        if violations:
            raise InvalidField(violations)
        if self._demands.names_resources:
            call.names = names
            if names:
                call.tenants = requests.tenants_of(names)
            elif self._has_tenant and not call.tenants:
                raise InvalidField.of("name", "the request must name a resource")
            if not all(map(call.caller.owns, call.tenants)):
                _refuse_foreign(request, names, call)
        return request

    async def _refuse(self, context: Any, call: CallContext | None, failure: BaseException, started: float) -> None:
        """Ends the call with a refusal that the catalogue has, or else with an error id."""
        error_id = new_id("err")
        replayed = isinstance(failure, ReplayedRefusal)
        status, reason = internal(error_id), "INTERNAL"
        if isinstance(failure, DomainError):
            try:
                status, reason = to_status(failure), failure.public_reason
            except Exception as error:  # noqa: BLE001  # a refusal that cannot be told must not tell why, either
                failure = error
        if status.code == Status.INTERNAL.value:
            request = {} if call is None or call.request is None else scrub(call.request)
            self._log.unexpected(self.name, call, error_id, failure, request)
        self._log.call(self.name, call, CODES[status.code].name, started, reason)
        details = ((DETAILS_KEY, status.SerializeToString()),)
        context.set_trailing_metadata((*details, (REPLAYED_KEY, "true")) if replayed else details)
        await context.abort(CODES[status.code], status.message)


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The token in a call's metadata, or the empty string."""
    for key, value in metadata:
        if key == "authorization" and isinstance(value, str) and value[:7].lower() == "bearer ":
            return value[7:]
    return ""


async def _write_all(responses: AsyncGenerator[Message], context: Any) -> bytes:
    """Writes a stream's answers as they come; closes their source at once when nobody wants them any more."""
    async with aclosing(responses):
        async for response in responses:
            await context.write(response.SerializeToString())
    return b""


def _cancelled_from_outside() -> bool:
    """Whether the task of this call itself was cancelled, which is what grpc does."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _refuse_foreign(request: Message, names: set[str], call: CallContext) -> None:
    """A foreign tenant's resource is answered as one that does not exist, and nothing is looked up."""
    for name in sorted(names):
        if _NAME.fullmatch(name) is None:
            raise InvalidField.of(requests.path_of(request, name), "is not the name of a resource")
    for name in sorted(names):
        if not call.caller.owns(tenant_of(name)):
            raise NotFound(name)
