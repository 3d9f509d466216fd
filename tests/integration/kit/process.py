"""The echo service as a process of a test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from guerdon_kit import envoy
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.launch.ports import free_ports
from guerdon_kit.testing import wait_until
from guerdon_kit.testing.waiting import PATIENCE_S
from tests.integration.kit.echo import AUDIENCE, Echo, asked
from tests.kit_protos import message_class

ROOT = Path(__file__).resolve().parents[3]
needs_envoy = pytest.mark.skipif(
    not envoy.is_possible(), reason="this Python has no shared library, or pyvoy is not here"
)


@dataclass
class Running:
    """A process of the echo service, perhaps with workers."""

    process: asyncio.subprocess.Process
    target: str
    log: Path
    identity: DevelopmentIdentity
    since: int = 0
    """What its log had said before, in bytes: that is left out."""

    def from_here(self) -> Running:
        """The same, with a log that has said nothing yet."""
        return replace(self, since=self.log.stat().st_size)

    def lines(self) -> list[dict[str, Any]]:
        """Its log."""
        text = self.log.read_bytes()[self.since :].decode()
        whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [json.loads(line) for line in whole if line.startswith("{")]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log that tell of such an event."""
        return [line for line in self.lines() if line["event"] == name]

    async def under_way(self, calls: int) -> None:
        """Returns when it is at so many calls that take a while."""
        await wait_until(lambda: len(self.events("under_way")) == calls)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code, once it has ended."""
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    async def health(self) -> str:
        """What it says of its health; empty where it does not answer."""
        try:
            async with self.connected() as channel:
                health: Any = health_pb2_grpc.HealthStub(channel)
                answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=2)
        except grpc.aio.AioRpcError:
            return ""
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    async def watched_health(self) -> str:
        """The first that it tells who watches its health."""
        async with self.connected() as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            watching = health.Watch(health_pb2.HealthCheckRequest(), timeout=5)
            return str(health_pb2.HealthCheckResponse.ServingStatus.Name((await watching.read()).status))

    def connected(self) -> grpc.aio.Channel:
        """A connection of its own."""
        return grpc.aio.insecure_channel(self.target, [("grpc.use_local_subchannel_pool", 1)])

    def begin(
        self,
        channel: grpc.aio.Channel,
        rpc: str = "Unary",
        *,
        metadata: tuple[tuple[str, str], ...] = (),
        token: str | None = None,
        payload: bytes | None = None,
        requests: int = 1,
        timeout: float = 10,
        compression: grpc.Compression | None = None,
        **ask: Any,
    ) -> Any:
        """A call, under way; its request is made of `ask` where there is no `payload`."""
        method = Echo.service.methods_by_name[rpc]
        kind = "_".join("stream" if many else "unary" for many in (method.client_streaming, method.server_streaming))
        if payload is None:
            payload = asked(**ask).SerializeToString()
        if token is None:
            token = self.token()
        multi = getattr(channel, kind)(
            f"/{Echo.service.full_name}/{rpc}", response_deserializer=message_class("Answer").FromString
        )
        return multi(
            iter([payload] * requests) if method.client_streaming else payload,
            metadata=(("authorization", f"Bearer {token}"), *metadata),
            timeout=timeout,
            compression=compression,
        )

    def token(self) -> str:
        """What lets a caller in."""
        return self.identity.token(scopes=["echo.use"], tenants=["programs/acme"], audiences=[AUDIENCE])

    async def call(self, rpc: str = "Unary", **how: Any) -> str:
        """The answer, which is the number of the process that served it."""
        async with self.connected() as channel:
            call = self.begin(channel, rpc, **how)
            if Echo.service.methods_by_name[rpc].server_streaming:
                return ",".join([answer.text async for answer in call])
            return str((await call).text)

    async def workers(self, count: int) -> set[int]:
        """The processes that serve the port, when there are so many."""
        seen: set[int] = set()

        async def all_seen() -> bool:
            try:
                seen.add(int(await self.call()))
            except grpc.aio.AioRpcError:
                return False
            return len(seen) == count

        await wait_until(all_seen)
        return seen


@asynccontextmanager
async def started(identity: DevelopmentIdentity, folder: Path, **settings: Any) -> AsyncIterator[Running]:
    """Starts it, in development unless told otherwise, and makes sure of its end."""
    [port] = free_ports(1)
    wanted = {"env": "development", "listen": f"127.0.0.1:{port}", "issuers_file": identity.issuers_file}
    wanted |= {"signing_key_file": identity.signing_key_file("ledger"), "shutdown_grace_s": 5} | settings
    outer = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
    environment = outer | {f"GUERDON_{name.upper()}": str(value) for name, value in wanted.items()}
    log = folder / f"echo-{port}.log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.integration.kit.echo_service"),
            cwd=ROOT,
            env=environment,
            stderr=written,
            start_new_session=True,
        )
    running = Running(process, str(wanted["listen"]), log, identity)
    try:
        yield running
    finally:
        # The whole session: a killed supervisor's workers too.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
