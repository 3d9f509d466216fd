"""The way of every call: authenticate, decode, check, serve, answer.

The requests arrive as bytes because `grpc.aio` answers bytes that do not decode with exception text before any
interceptor runs. The boundary here is the outermost: nothing but a `DomainError` has a text that leaves.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from guerdon.options.v1 import options_pb2
from guerdon_kit.auth import TokenVerifier
from guerdon_kit.errors import (
    DeadlineExceeded,
    DomainError,
    InvalidField,
    MalformedRequest,
    NotFound,
    Overloaded,
    ReplayedRefusal,
    ScopeRequired,
    Unauthenticated,
)
from guerdon_kit.grpc import requests
from guerdon_kit.grpc.context import CallContext
from guerdon_kit.grpc.scrub import scrub
from guerdon_kit.grpc.status import DETAILS_KEY, internal, to_status
from guerdon_kit.ids import new_id
from guerdon_kit.logs import CallLog
from guerdon_kit.names import ID, tenant_of

REPLAYED_KEY = "guerdon-replayed"
STREAM_DEADLINE_FACTOR = 30

_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_NAME = re.compile(rf"[a-z][A-Za-z]*/{ID}(/[a-z][A-Za-z]*/{ID})*")


@dataclass(slots=True)
class Limits:
    """What bounds the calls of one process; `serving` counts those under way."""

    concurrent_max: int
    default_deadline_s: float
    deadline_max_s: float
    serving: int = 0


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
        self._collect = requests.compile_names(descriptor.input_type)
        self._check = requests.compile_check(descriptor.input_type)
        self._has_request_id = "request_id" in descriptor.input_type.fields_by_name
        if self._collect is None and access.tenant != options_pb2.TENANT_NONE:
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
            response: Message = await self._handler(self._requests(payloads, call), call)
            return response.SerializeToString()

        return await self._bounded(context, serve, factor=STREAM_DEADLINE_FACTOR)

    async def _unary_stream(self, payload: bytes, context: Any) -> None:
        async def serve(call: CallContext) -> bytes:
            request = self._admit(self._decode(payload), call)
            async for response in self._handler(request, call):
                await context.write(response.SerializeToString())
            return b""

        await self._bounded(context, serve, factor=STREAM_DEADLINE_FACTOR)

    async def _stream_stream(self, payloads: AsyncIterator[bytes], context: Any) -> None:
        async def serve(call: CallContext) -> bytes:
            async for response in self._handler(self._requests(payloads, call), call):
                await context.write(response.SerializeToString())
            return b""

        await self._bounded(context, serve, factor=STREAM_DEADLINE_FACTOR)

    async def _requests(self, payloads: AsyncIterator[bytes], call: CallContext) -> AsyncIterator[Message]:
        async for payload in payloads:
            yield self._admit(self._decode(payload), call)

    async def _bounded(self, context: Any, serve: Callable[[CallContext], Awaitable[bytes]], factor: int) -> bytes:
        """Runs one call within its limits, logs it, and turns whatever goes wrong into a status."""
        started = time.monotonic()
        limits = self._limits
        call: CallContext | None = None
        refusal: DomainError
        limits.serving += 1
        try:
            if limits.serving > limits.concurrent_max:
                raise Overloaded
            call = await self._identify(context, started, factor)
            async with asyncio.timeout(call.remaining_s()):
                answer = await serve(call)
            if call.replayed:
                context.set_trailing_metadata(((REPLAYED_KEY, "true"),))
            self._log.call(self.name, call, "OK", started)
            return answer
        except DomainError as error:
            refusal = error
        except TimeoutError:
            refusal = DeadlineExceeded()
        except asyncio.CancelledError:
            self._log.call(self.name, call, "CANCELLED", started)
            raise  # the caller is gone, or the server is past its grace: grpc ends the call with CANCELLED itself
        except Exception as error:
            error_id = new_id("err")
            request = {} if call is None or call.request is None else scrub(call.request)
            self._log.unexpected(self.name, call, error_id, error, request)
            await self._abort(context, internal(error_id))
            raise AssertionError("abort does not return") from error
        finally:
            limits.serving -= 1
        self._log.call(self.name, call, refusal.public_status.name, started, refusal.public_reason)
        await self._abort(context, to_status(refusal), replayed=isinstance(refusal, ReplayedRefusal))
        raise AssertionError("abort does not return")

    async def _identify(self, context: Any, started: float, factor: int) -> CallContext:
        token = ""
        for key, value in context.invocation_metadata():
            if key == "authorization" and value[:7].lower() == "bearer ":
                token = value[7:]
        if not token:
            raise Unauthenticated
        caller = await self._verifier.verify(token)
        if not caller.may(self._scope):
            raise ScopeRequired(scope=self._scope)
        wanted = context.time_remaining()
        limits = self._limits
        most = limits.deadline_max_s * factor
        allowed = limits.default_deadline_s * factor if wanted is None else min(wanted, most)
        return CallContext(caller=caller, method=self.name, deadline=started + allowed)

    def _decode(self, payload: bytes) -> Message:
        try:
            return self._request_class.FromString(payload)
        except DecodeError as error:
            raise MalformedRequest from error

    def _admit(self, request: Any, call: CallContext) -> Any:
        requests.require_valid(self._check, request)
        call.request = request
        if self._has_request_id:
            call.request_id = request.request_id
        if self._collect is not None:
            names: set[str] = set()
            self._collect(request, names)
            call.tenants = requests.tenants_of(names)
            if not all(map(call.caller.owns, call.tenants)):
                _refuse_foreign(names, call)
        return request

    async def _abort(self, context: Any, status: status_pb2.Status, *, replayed: bool = False) -> None:
        details = ((DETAILS_KEY, status.SerializeToString()),)
        context.set_trailing_metadata((*details, (REPLAYED_KEY, "true")) if replayed else details)
        await context.abort(_CODES[status.code], status.message)


def _refuse_foreign(names: set[str], call: CallContext) -> None:
    """A foreign tenant's resource is answered as one that does not exist, and nothing is looked up."""
    for name in sorted(names):
        if _NAME.fullmatch(name) is None:
            raise InvalidField.of("name", "a resource name is malformed")
    for name in sorted(names):
        if not call.caller.owns(tenant_of(name)):
            raise NotFound(name)
