"""Traces over OTLP. Imported only where an endpoint is set: the SDK costs memory and start-up time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

EXPORT_WITHIN_S = 2


def configure(service: str, endpoint: str) -> Callable[[], Awaitable[None]]:
    """Sends this process's spans to `endpoint`, such as `http://collector:4317`, in batches, off the calls' path.

    Answers what sends the last of them at the end of the process.
    """
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"guerdon.{service}"}),
        shutdown_on_exit=False,  # workers end without the interpreter's own exit
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_WITHIN_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return partial(asyncio.to_thread, provider.shutdown)
