"""Traces over OTLP. Imported only where an endpoint is set: the SDK costs memory and start-up time."""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def configure(service: str, endpoint: str) -> None:
    """Sends this process's spans to `endpoint`, such as `http://collector:4317`, in batches, off the calls' path."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"guerdon.{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)
