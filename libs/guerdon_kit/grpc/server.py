"""The gRPC server of one worker process: binds servicers from their descriptors, with health and reflection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection

from guerdon_kit import config
from guerdon_kit.auth import TokenVerifier
from guerdon_kit.config import ServiceSettings
from guerdon_kit.grpc import library
from guerdon_kit.grpc.asgi import AsgiServer
from guerdon_kit.grpc.pipeline import Limits, Method
from guerdon_kit.logs import CallLog


class Servicer(Protocol):
    """A plain class with one async method for each RPC of `service`, named in snake case."""

    service: Any
    """The service's descriptor."""


class Server:
    """One process's server: grpc's own, or one `within` a host that listens for it. Health is NOT_SERVING until
    `serving` is told otherwise.
    """

    def __init__(
        self, settings: ServiceSettings, verifier: TokenVerifier, log: CallLog, within: AsgiServer | None = None
    ) -> None:
        self._settings = settings
        self._verifier = verifier
        self._log = log
        self._limits = Limits(settings.max_concurrent, settings.default_deadline_s, settings.max_deadline_s)
        interceptors = _tracing() if settings.otlp_endpoint else []
        self._server: grpc.aio.Server | AsgiServer
        if within is None:
            self._server = grpc.aio.server(interceptors=interceptors, options=_options(settings))
        else:
            self._server = within
            within.add_interceptors(interceptors)
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers((library.health_handlers(self._health),))
        self._names: list[str] = []
        self.port = 0

    def bind(self, servicers: Sequence[Servicer]) -> None:
        """Binds every RPC of every servicer's descriptor.

        Raises:
            ValueError: a method has no handler, or declares no access: the server must not start.
        """
        for servicer in servicers:
            handlers = {
                method.name: Method(
                    method, _handler(servicer, method.name), self._verifier, self._limits, self._log
                ).grpc_handler()
                for method in servicer.service.methods
            }
            name = servicer.service.full_name
            self._names.append(name)
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        if self._settings.reflection:
            names = [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME]
            self._server.add_generic_rpc_handlers((library.reflection_handlers(names, self._verifier),))

    async def start(self) -> None:
        """Listens.

        Raises:
            RuntimeError: the address cannot be bound.
        """
        await self.serving(False)
        listen = self._settings.listen
        credentials = _credentials(self._settings)
        if isinstance(self._server, AsgiServer):
            self.port = int(listen.rpartition(":")[2])
        elif credentials is None:
            self.port = self._server.add_insecure_port(listen)
        else:
            self.port = self._server.add_secure_port(listen, credentials)
        await self._server.start()

    async def serving(self, ready: bool) -> None:
        """Tells the callers of the health service."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    async def stop(self) -> None:
        """Health first, so that callers turn elsewhere; then the calls under way, for the grace; then the rest."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self._settings.shutdown_grace_s)


def _handler(servicer: Servicer, rpc: str) -> Any:
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in rpc).lstrip("_")
    handler = getattr(servicer, name, None)
    if handler is None:
        raise ValueError(f"{servicer.service.full_name}/{rpc} has no handler: {type(servicer).__name__}.{name}")
    return handler


def _tracing() -> list[grpc.aio.ServerInterceptor]:
    from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters

    # Probes come every second and tell a trace nothing.
    calls = filters.negate(filters.health_check())
    return [aio_server_interceptor(filter_=calls)]  # type: ignore[no-untyped-call]  # the library has no types


def _options(settings: ServiceSettings) -> list[tuple[str, int]]:
    return [
        # Two servers on one port would share its calls silently: only workers of one service may.
        ("grpc.so_reuseport", 1 if settings.workers > 1 else 0),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        # Twice: grpc counts a call until it has cleared it away, and its caller may have begun the next by then.
        ("grpc.max_concurrent_streams", min(settings.max_concurrent, 2 * settings.max_concurrent_per_connection)),
        ("grpc.keepalive_time_ms", config.KEEPALIVE_S * 1000),
        ("grpc.keepalive_timeout_ms", config.KEEPALIVE_WITHIN_S * 1000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", int(config.CONNECTION_AGE_S * 1000)),
        ("grpc.max_connection_age_grace_ms", config.CONNECTION_GRACE_S * 1000),
    ]


def _credentials(settings: ServiceSettings) -> grpc.ServerCredentials | None:
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    chain = (_read(settings.tls_key_file), _read(settings.tls_cert_file))
    if settings.tls_client_ca_file is None:
        return grpc.ssl_server_credentials([chain])
    return grpc.ssl_server_credentials([chain], _read(settings.tls_client_ca_file), require_client_auth=True)


def _read(path: Path) -> bytes:
    return path.read_bytes()
