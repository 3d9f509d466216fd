"""A service's process: workers, server, jobs, and their orderly end. Every service runs through `run`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from guerdon_kit import logs, metrics
from guerdon_kit.auth import IssuerResolver, ServiceTokens, TokenVerifier, load_issuers
from guerdon_kit.clock import Clock
from guerdon_kit.config import ServiceSettings
from guerdon_kit.envoy import is_inside
from guerdon_kit.errors import DomainError
from guerdon_kit.grpc.asgi import AsgiServer
from guerdon_kit.grpc.client import ClientTls, Remote
from guerdon_kit.grpc.locked import MEMBERSHIP, LockedPoints
from guerdon_kit.grpc.outward import Outward
from guerdon_kit.grpc.server import Server, Servicer
from guerdon_kit.logs import CallLines, CallLog
from guerdon_kit.postgres.database import Database
from guerdon_kit.postgres.failures import UnsafeServer
from guerdon_kit.workers import STOPS, run_workers

Settings = TypeVar("Settings", bound=ServiceSettings)

READY_EVERY_S = 1.0
ANSWER_WITHIN_S = 3.0
JOB_PAUSE_MAX_S = 10.0
JOBS_END_S = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work in the background: a coroutine function that runs until it is cancelled."""

    name: str
    work: Callable[[], Awaitable[None]]


class Listener(Protocol):
    """A server of another protocol in the same process."""

    async def start(self) -> None:
        """Listens."""

    async def stop(self) -> None:
        """Takes no more requests, and waits for those under way."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service's composition root hands over."""

    servicers: Sequence[Servicer]
    jobs: Sequence[Job] = ()
    listeners: Sequence[Listener] = ()
    """What listens beside the gRPC server."""
    issuers: IssuerResolver | None = None
    """Finds token issuers beyond the configured ones."""


@dataclass
class Kit(Generic[Settings]):
    """What the kit gives to a composition root. Whatever is opened through it is closed by it, last first."""

    name: str
    settings: Settings
    clock: Clock
    database: Database
    log: structlog.typing.FilteringBoundLogger
    worker: int = 0
    _closers: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    _stoppers: list[Callable[[], object]] = field(default_factory=list)

    def on_stop(self, stopper: Callable[[], object]) -> None:
        """Has `stopper` called when the process is asked to end, before the server waits for its calls: what would
        otherwise go on until its deadline ends here.
        """
        self._stoppers.append(stopper)

    def on_close(self, closer: Callable[[], Awaitable[object]]) -> None:
        """Has `closer` called when the process ends, after the server has stopped."""
        self._closers.append(closer)

    def cache_redis(self, on_connect: Callable[[Any], Awaitable[None]] | None = None) -> Redis:
        """The Redis that may be flushed at any moment. `on_connect` replaces the library's own greeting of each
        new connection, which it has to call.
        """
        url = self.settings.redis_cache_url.get_secret_value()
        return self._redis(url, timeout_s=0.25, redis_connect_func=on_connect)

    def events_redis(self) -> Redis:
        """The Redis that carries events."""
        return self._redis(self.settings.redis_events_url.get_secret_value(), timeout_s=10.0)

    def remote(self, callee: str, target: str, service: ServiceDescriptor) -> Remote:
        """Another service, called with this one's own tokens.

        Raises:
            ValueError: the calls would be plaintext outside development, and no setting allows that.
        """
        settings = self.settings
        assert settings.signing_key_file is not None, "GUERDON_SIGNING_KEY_FILE is needed to call other services"
        tokens = ServiceTokens(self.name, settings.signing_key_file)
        tls = None
        if settings.tls_ca_file is not None:
            tls = ClientTls(settings.tls_ca_file, settings.tls_key_file, settings.tls_cert_file)
        elif not settings.development and not settings.allow_plaintext:
            raise ValueError(f"calls to {callee}: set GUERDON_TLS_CA_FILE, or GUERDON_ALLOW_PLAINTEXT=true")
        traced = bool(settings.otlp_endpoint)
        remote = Remote(target, service, partial(tokens.token, callee), tls=tls, traced=traced)
        self.on_close(remote.close)
        return remote

    def outward(self, *, private: bool, ca_file: Path | None = None) -> Outward:
        """GRPC servers at addresses that others chose, called with this service's own tokens."""
        assert self.settings.signing_key_file is not None, "GUERDON_SIGNING_KEY_FILE is needed to call others"
        tokens = ServiceTokens(self.name, self.settings.signing_key_file)
        outward = Outward(lambda audience, scope: tokens.token(audience, scope, (audience,), ""), private, ca_file)
        self.on_close(outward.close)
        return outward

    def locked_points(self) -> LockedPoints:
        """Tells what is locked, by asking membership where there is one.

        Raises:
            ValueError: as `remote`.
        """
        target = self.settings.membership_target
        return LockedPoints(self.remote("membership", target, MEMBERSHIP) if target else None)

    def stop(self) -> None:
        """Tells those who asked that the process is to end."""
        for stopper in self._stoppers:
            stopper()

    async def close(self) -> None:
        """Closes what was opened."""
        for closer in reversed(self._closers):
            await closer()

    def _redis(self, url: str, timeout_s: float, **options: Any) -> Redis:
        # The answer to a lost command is the caller's to decide: a silent retry of the library would only delay it.
        redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0), **options
        )
        self.on_close(redis.aclose)
        return redis


Compose = Callable[[Kit[Settings]], Awaitable[Parts]]
"""A service's composition root."""


def run(name: str, settings: Settings, compose: Compose[Settings]) -> None:
    """Runs a service until SIGINT or SIGTERM: in this process, or in `GUERDON_WORKERS` of them on one port. Where this
    process is Envoy the service is left to that.
    """
    if is_inside():
        _leave_inside(partial(_work, name, settings, compose), settings)
    else:
        run_workers(settings.workers, settings.shared_listens, partial(_run, name, settings, compose))


def _run(
    name: str,
    settings: Settings,
    compose: Compose[Settings],
    worker: int = 0,
    supervisor: socket.socket | None = None,
) -> None:
    async def work() -> None:
        stop = asyncio.Event()
        for number in STOPS:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await _work(name, settings, compose, None, stop, worker, supervisor)

    uvloop.run(work())


def _leave_inside(work: Callable[..., Awaitable[None]], settings: ServiceSettings) -> None:
    """Leaves a service to the Envoy that this process is."""
    from guerdon_kit.envoy.inside import application

    server = AsgiServer(settings.max_message_bytes, settings.max_concurrent_per_connection, settings.default_deadline_s)
    application.leave(server, partial(work, server))


async def _work(
    name: str,
    settings: Settings,
    compose: Compose[Settings],
    within: AsgiServer | None,
    stop: asyncio.Event,
    worker: int,
    supervisor: socket.socket | None,
) -> None:
    log = logs.configure(name, settings.log_format, settings.log_level).bind(worker=worker)
    if settings.metrics_listen:
        metrics.serve(settings.metrics_listen, worker)
    if supervisor is not None:
        asyncio.get_running_loop().add_reader(supervisor, stop.set)  # it ends when the supervisor does
    url = settings.database_url.get_secret_value()
    # While PostgreSQL is away the service runs, and its health says so.
    database = await Database.open(
        url, name=f"guerdon_{name}", size=settings.pool_size, required=False, plans=settings.postgres_plans
    )
    kit = Kit(name, settings, settings.clock(), database, log, worker)
    kit.on_close(database.close)
    if settings.otlp_endpoint:
        from guerdon_kit import traces

        kit.on_close(traces.configure(name, settings.otlp_endpoint))
    try:
        await _serve(kit, await compose(kit), within, stop, supervisor)
    finally:
        await kit.close()


async def _serve(
    kit: Kit[Settings],
    parts: Parts,
    within: AsgiServer | None,
    stop: asyncio.Event,
    supervisor: socket.socket | None,
) -> None:
    assert kit.settings.issuers_file is not None, "GUERDON_ISSUERS_FILE is needed: nobody could call"
    issuers = load_issuers(kit.settings.issuers_file, development=kit.settings.development)
    verifier = TokenVerifier(f"guerdon.{kit.name}", issuers, parts.issuers)
    lines = CallLines(kit.log) if kit.settings.log_format == "json" else None
    server = Server(kit.settings, verifier, CallLog(kit.log, metrics.CallMetrics(), lines), within)
    server.bind(parts.servicers)
    await server.start()
    for listener in parts.listeners:
        await listener.start()
    kit.log.info("listening", port=server.port)
    if supervisor is not None:
        supervisor.send(b"1")
    readiness = asyncio.create_task(_tell_readiness(server, kit.database, kit.log), name="ready")
    jobs = [asyncio.create_task(_keep(job, kit.log), name=job.name) for job in parts.jobs]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait((stopped, readiness), return_when=asyncio.FIRST_COMPLETED)
    kit.log.info("stopping")
    failure = readiness.exception() if readiness.done() else None
    kit.stop()
    readiness.cancel()  # from here on the server's own stop speaks for its health
    await asyncio.gather(server.stop(), *(listener.stop() for listener in parts.listeners))
    for task in (stopped, *jobs):
        task.cancel()
    # Bounded: a library may swallow a cancellation.
    await asyncio.wait((stopped, readiness, *jobs), timeout=JOBS_END_S)
    if failure is not None:
        raise failure


async def _keep(job: Job, log: structlog.typing.FilteringBoundLogger) -> None:
    """Runs a job, and again after a growing pause when it fails."""
    pause_s = 0.1
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await job.work()
            return
        except Exception as error:
            metrics.JOB_FAILURES.labels(job.name).inc()
            if asyncio.get_running_loop().time() - started > JOB_PAUSE_MAX_S:
                pause_s = 0.1
            known = isinstance(error, DomainError)
            log.warning(
                "job_failed", job=job.name, pause_s=pause_s, error=repr(error), exc_info=None if known else error
            )
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, JOB_PAUSE_MAX_S)


async def _tell_readiness(server: Server, database: Database, log: structlog.typing.FilteringBoundLogger) -> None:
    """NOT_SERVING until PostgreSQL answers, and again whenever it does not.

    Raises:
        UnsafeServer: PostgreSQL came back with settings that lose points; nothing may be written there.
    """
    was = None
    while True:
        said = ""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S), database.acquire() as connection:
                await connection.fetchval("select 1")
        except UnsafeServer:
            raise
        except Exception as error:  # noqa: BLE001  # whatever keeps PostgreSQL from answering, it does not
            said = repr(error.__cause__ or error)
        if was != (ready := not said):
            was = ready
            log.info("serving") if ready else log.warning("not_serving", error=said)
            await server.serving(ready)
        await asyncio.sleep(READY_EVERY_S)
