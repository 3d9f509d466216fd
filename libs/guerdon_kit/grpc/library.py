"""Health and reflection: the libraries' servicers behind our own door.

Left to themselves they answer bytes that do not decode with exception text, and reflection knows no callers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from guerdon_kit.auth import TokenVerifier
from guerdon_kit.errors import DomainError, MalformedRequest
from guerdon_kit.grpc.pipeline import bearer_token
from guerdon_kit.grpc.status import CODES, DETAILS_KEY, to_status


def health_handlers(servicer: Any) -> grpc.GenericRpcHandler:
    """The health service, for anybody."""
    decoded = _decoder(health_pb2.HealthCheckRequest)

    async def check(payload: bytes, context: Any) -> Message:
        answer: Message = await servicer.Check(await decoded(payload, context), context)
        return answer

    async def watch(payload: bytes, context: Any) -> None:
        await servicer.Watch(await decoded(payload, context), context)

    write: Any = health_pb2.HealthCheckResponse.SerializeToString
    handlers: dict[str, Any] = {
        "Check": grpc.unary_unary_rpc_method_handler(check, response_serializer=write),
        "Watch": grpc.unary_stream_rpc_method_handler(watch, response_serializer=write),
    }
    return grpc.method_handlers_generic_handler(health.SERVICE_NAME, handlers)


def reflection_handlers(names: list[str], verifier: TokenVerifier) -> grpc.GenericRpcHandler:
    """The reflection service over the services of these names, for whoever has a valid token."""
    servicer: Any = reflection.aio.ReflectionServicer(service_names=names)
    decoded = _decoder(reflection_pb2.ServerReflectionRequest)

    async def requests(payloads: AsyncIterator[bytes], context: Any) -> AsyncIterator[Message]:
        async for payload in payloads:
            yield await decoded(payload, context)

    async def info(payloads: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            await verifier.verify(bearer_token(context.invocation_metadata()))
        except DomainError as error:  # also that the issuers of a service's own database cannot be asked
            await _refuse(error, context)
        async for response in servicer.ServerReflectionInfo(requests(payloads, context), context):
            yield response.SerializeToString()

    handlers: dict[str, Any] = {"ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(info)}
    return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, handlers)


def _decoder(kind: type[Message]) -> Callable[[bytes, Any], Awaitable[Message]]:
    async def decoded(payload: bytes, context: Any) -> Message:
        try:
            return kind.FromString(payload)
        except DecodeError:
            await _refuse(MalformedRequest(), context)
            raise

    return decoded


async def _refuse(error: DomainError, context: Any) -> None:
    status = to_status(error)
    context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))
    await context.abort(CODES[status.code], status.message)
