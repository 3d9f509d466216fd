"""Where the benchmarks run: embedded servers that are thrown away, and services on databases of their own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import redis

from guerdon_cli.bench import processes
from guerdon_cli.bench.plan import Plan, Seen, together
from guerdon_cli.stack import ServiceKind, Stack, StackError
from guerdon_cli.verification import Verdict, verified
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import EmbeddedServers, Endpoints
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.postgres.provision import connected
from guerdon_kit.processes import Plan as ProcessPlan
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from guerdon_kit.testing.databases import REDIS_DATABASES, emptied_redis

TOKEN_LIFETIME_S = 24 * 3600
TOLD_EVERY_S = 5.0
QUIET_S = 2.0
DRAINED_WITHIN_S = 900.0
BUILT_WITHIN_S = 600.0
_ECHO_STOP = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0))

Report = Callable[[str], None]


def now_and_then(report: Report) -> Report:
    """Passes on what is said after a while of silence: progress that comes many times a second."""
    told = time.monotonic()

    def tell(text: str) -> None:
        nonlocal told
        if time.monotonic() - told >= TOLD_EVERY_S:
            told = time.monotonic()
            report(text)

    return tell


@contextlib.contextmanager
def bench_stack(data: Path, services: tuple[ServiceKind, ...]) -> Iterator[Stack]:
    """Services over embedded servers on empty data, which is removed at the end. Not started."""
    folder = data / "bench" / "servers"
    _remove(folder)
    stack = Stack(folder, services=services, any_ports=True, environment={})
    try:
        yield stack
    finally:
        stack.stop()
        _remove(folder)


def slow_flushes(admin_url: str, microseconds: int) -> None:
    """Has every flush of PostgreSQL's log wait so long before it begins, as on a slower disk: pgbench's and ours alike.

    It is what `commit_delay` does where no other transaction need be under way for it (PostgreSQL's documentation,
    "WAL configuration"). Whoever else has something to flush waits too, as behind a disk.
    """

    async def delay() -> None:
        async with connected(admin_url) as admin:
            await admin.execute(f"ALTER SYSTEM SET commit_delay = {microseconds}")
            await admin.execute("ALTER SYSTEM SET commit_siblings = 0")
            await admin.execute("SELECT pg_reload_conf()")

    asyncio.run(delay())


def _remove(folder: Path) -> None:
    if folder.exists():
        EmbeddedServers(folder).remove_data()
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Usage:
    """What the servers have used so far."""

    at: float
    service_s: float
    postgres_s: float
    wal_bytes: int


@dataclass(frozen=True)
class Run:
    """What the clients saw, and what that took."""

    seen: Seen
    seconds: float
    """From the first call to the last, the warm-up included; so is what follows."""
    service_s: float
    """Processor time of the service's processes."""
    postgres_s: float
    """Processor time of PostgreSQL's processes."""
    wal_bytes: int


class Bed:
    """Makes ledgers, and lets clients loose on them."""

    def __init__(
        self, servers: EmbeddedServers, identity: DevelopmentIdentity, logs: Path, report: Report = lambda _text: None
    ) -> None:
        """`logs` is an existing folder for what the ledgers print."""
        self.report = report
        self.admin_url = servers.endpoints.postgres_url
        self.token = identity.token("bench", lifetime_s=TOKEN_LIFETIME_S)
        self._servers = servers
        self.logs = logs
        self._databases = DatabaseFactory(self.admin_url)
        self._services = ServiceFactory(logs, servers.endpoints, identity, clocks_move=False)
        self._redis = cycle(REDIS_DATABASES)

    def close(self) -> None:
        """Drop what was made in the database server."""
        self._databases.drop_all()

    @contextlib.contextmanager
    def ledger(self, workers: int = 1, server: str = "grpc") -> Iterator[Ledger]:
        """A ledger on an empty database, behind that server; both are gone at the end."""
        endpoints = emptied_redis(self._servers.endpoints, next(self._redis))
        # Sealed so often that what sealing costs is in every figure, however short the run.
        settings = {"workers": str(workers), "server": server, "ledger_seal_every_s": "5"}
        with self._started("ledger", endpoints, settings) as running:
            yield Ledger(self, running, endpoints, workers, server)

    @contextlib.contextmanager
    def over(self, ledger: Ledger, name: str) -> Iterator[Service]:
        """The service of that name with one worker, on an empty database, over a ledger; it is gone at the end."""
        with self._started(name, ledger.endpoints, {}, ledger=ledger.target, membership="") as running:
            yield Service(self, running, ledger.endpoints, workers=1)

    @contextlib.contextmanager
    def _started(
        self, name: str, endpoints: Endpoints, settings: Mapping[str, str], **targets: str
    ) -> Iterator[RunningService]:
        database = self._databases.make(name)
        try:
            running = self._services.start(name, database, targets=targets, settings=settings, endpoints=endpoints)
            try:
                yield running
            finally:
                running.process.stop()
        finally:
            self._databases.drop(database)

    @contextlib.contextmanager
    def echo(self, workers: int) -> Iterator[tuple[str, ServerProcess]]:
        """A bare server that does nothing, and its address."""
        [port] = free_ports(1)
        target = f"{LOOPBACK}:{port}"
        server = ServerProcess(
            ProcessPlan(
                name="echo",
                argv=(sys.executable, "-m", "guerdon_cli.bench.echo", target, str(workers)),
                log=self.logs / "echo.log",
                lock=self.logs / "echo.lock",
                is_ready=lambda _pid: _listens(port),
                stop=_ECHO_STOP,
                death_signal=signal.SIGKILL,
            )
        )
        server.start()
        try:
            yield target, server
        finally:
            server.stop()

    def run(self, service: ServerProcess, plans: Sequence[Plan], told: Callable[[int], None] | None = None) -> Run:
        """Carry out plans at once, a client process each. `told` hears once a second how many items of the first are
        done.

        Raises:
            StackError: a client failed.
        """
        clients = [_ClientProcess(plan) for plan in plans]
        try:
            for client in clients:
                client.wait_ready()
            before = self._usage(service)
            for client in clients:
                client.go()
            # The first one is heard while it works, the others when it has ended.
            seen = together([client.seen(told if client is clients[0] else None) for client in clients])
            after = self._usage(service)
        finally:
            for client in clients:
                client.end()
        return Run(
            seen,
            seconds=after.at - before.at,
            service_s=after.service_s - before.service_s,
            postgres_s=after.postgres_s - before.postgres_s,
            wal_bytes=after.wal_bytes - before.wal_bytes,
        )

    def _usage(self, service: ServerProcess) -> Usage:
        async def written() -> int:
            async with connected(self.admin_url) as admin:
                return int(await admin.fetchval("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"))

        wal = asyncio.run(written())
        return Usage(
            time.monotonic(),
            processes.processor_s(service.pid),
            processes.processor_s(self._servers.postgres.pid),
            wal,
        )


@dataclass(frozen=True)
class Service:
    """One service that runs on a database of its own."""

    bed: Bed
    service: RunningService
    endpoints: Endpoints
    workers: int
    server: str = "grpc"
    """What takes its calls."""

    @property
    def target(self) -> str:
        """Its address."""
        return self.service.target

    def run(self, *plans: Plan, told: Callable[[int], None] | None = None) -> Run:
        """Carry out plans at once. Raises StackError."""
        return self.bed.run(self.service.process, plans, told)


@dataclass(frozen=True)
class Ledger(Service):
    """A ledger."""

    def bytes(self) -> int:
        """The size of its database."""

        async def size() -> int:
            async with connected(self.bed.admin_url) as admin:
                return int(await admin.fetchval("select pg_database_size($1)", self.service.database.name))

        return asyncio.run(size())

    def memory_bytes(self) -> int:
        """What its processes have resident."""
        return processes.memory_bytes(self.service.process.pid)

    def wait_relayed(self) -> None:
        """Return when the relay has nothing more to send: its stream has stopped growing. Raises StackError."""
        deadline = time.monotonic() + DRAINED_WITHIN_S
        with redis.Redis.from_url(self.endpoints.redis_events_url) as events:
            sent = -1
            while (now := _entries(events)) != sent:
                if time.monotonic() > deadline:
                    raise StackError("the relay still sends")
                sent = now
                time.sleep(QUIET_S)

    def verify(self) -> tuple[Verdict, float]:
        """Have it recompute everything; the verdict, and how many seconds that took."""
        began = time.monotonic()
        tell = now_and_then(self.bed.report)
        verdict = asyncio.run(verified(self.target, self.bed.token, lambda checked: tell(f"verifying {checked}")))
        return verdict, time.monotonic() - began


class _ClientProcess:
    """One client, from its plan to what it saw."""

    def __init__(self, plan: Plan) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "guerdon_cli.bench.client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(plan.line())

    def wait_ready(self) -> None:
        if self._line() != "ready":
            raise StackError("a client of the benchmark did not get ready")

    def go(self) -> None:
        self._say("go")

    def seen(self, told: Callable[[int], None] | None) -> Seen:
        while (line := self._line()).isdigit():
            if told is not None:
                told(int(line))
        return Seen.of(line)

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise StackError("a client of the benchmark failed")
        return line.removesuffix("\n")


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _entries(events: redis.Redis) -> int:
    """How many entries all streams have been given."""
    return sum(int(events.xinfo_stream(key)["entries-added"]) for key in events.scan_iter(_type="stream"))
