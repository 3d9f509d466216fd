"""A service's process: ready when it can answer, gone when it is told to, and refused where its settings are unsafe."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.ports import LOOPBACK, adjacent_ports, free_ports, is_free
from guerdon_kit.testing import wait_until
from guerdon_kit.testing.authority import Authority
from guerdon_kit.testing.fixtures import OwnServers
from tests.integration.kit.echo import KINDS
from tests.integration.kit.process import Running, needs_envoy, started


@pytest.fixture
def settings(endpoints: Endpoints, request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"database_url": endpoints.postgres_url, "server": getattr(request, "param", "grpc")}


ENVOY = pytest.param("envoy", marks=needs_envoy)
with_each_server = pytest.mark.parametrize("settings", ["grpc", ENVOY], indirect=True)


async def serving(running: Running) -> None:
    async def says_so() -> bool:
        return await running.health() == "SERVING"

    await wait_until(says_so)


async def test_health_says_whether_postgresql_answers(
    identity: DevelopmentIdentity, tmp_path: Path, own_servers: OwnServers
) -> None:
    servers = own_servers()
    url = servers.start().postgres_url
    servers.postgres.stop()
    async with started(identity, tmp_path, database_url=url) as running:

        async def not_serving() -> bool:
            return await running.health() == "NOT_SERVING"

        await wait_until(not_serving)
        servers.postgres.start()
        await serving(running)
        servers.postgres.kill()
        await wait_until(not_serving)
        assert await running.call(), "what needs no PostgreSQL is still answered"
        servers.postgres.start()
        await serving(running)
    said = [line["event"] for line in running.lines() if line["event"] in {"serving", "not_serving"}]
    assert said == ["not_serving", "serving", "not_serving", "serving"]


@pytest.mark.parametrize(
    ("settings", "workers"),
    [("grpc", 1), ("grpc", 2), pytest.param("envoy", 2, marks=needs_envoy)],
    indirect=["settings"],
)
async def test_a_service_told_to_stop_finishes_what_is_under_way(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any], workers: int
) -> None:
    async with started(identity, tmp_path, workers=workers, **settings) as running:
        await serving(running)
        call = asyncio.ensure_future(running.call(notes=["a while"]))
        other = asyncio.ensure_future(running.call(notes=["a while"]))
        await running.under_way(2)
        running.process.send_signal(signal.SIGTERM)
        assert await call
        assert await other
        assert await running.ended() == 0
        assert is_free(int(running.target.rpartition(":")[2]))


@with_each_server
async def test_a_call_that_does_not_end_does_not_hold_the_stop(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    async with started(identity, tmp_path, shutdown_grace_s=1, **settings) as running:
        await serving(running)
        call = asyncio.ensure_future(running.call(notes=["forever"]))
        await running.under_way(1)
        begun = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert await running.ended() == 0
        assert time.monotonic() - begun < 5
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert [line["status"] for line in running.lines() if line["event"] == "call"] == ["CANCELLED"]


@with_each_server
async def test_a_service_told_to_stop_as_soon_as_it_is_there_ends_in_order(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    async with started(identity, tmp_path, **settings) as running:
        await wait_until(lambda: running.events("listening"))
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


@with_each_server
async def test_workers_share_a_port_and_a_killed_one_is_started_again(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    [metrics, _] = adjacent_ports(2)
    async with started(identity, tmp_path, workers=2, metrics_listen=f"{LOOPBACK}:{metrics}", **settings) as running:
        first = await running.workers(2)
        assert running.process.pid not in first
        killed = min(first)
        os.kill(killed, signal.SIGKILL)
        await wait_until(lambda: len([line for line in running.lines() if line["event"] == "listening"]) == 3)
        second = await running.workers(2)
        assert killed not in second
        assert len(first & second) == 1
        for worker in range(2):
            text = await asyncio.to_thread(_read, f"http://{LOOPBACK}:{metrics + worker}/metrics")
            assert "guerdon_calls_total{" in text
            assert "guerdon_call_seconds_bucket{" in text
        begun = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert time.monotonic() - begun < 6
    for pid in first | second:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


@with_each_server
async def test_workers_keep_their_port_from_others_and_do_not_outlive_a_killed_supervisor(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    async with started(identity, tmp_path, workers=2, **settings) as running:
        await running.workers(2)

        async def refused(workers: int) -> None:
            listen = {"listen": running.target}
            async with started(identity, tmp_path, workers=workers, **settings | listen) as second:
                assert await second.ended() == 1

        await asyncio.gather(*(refused(workers) for workers in ((1, 2) if settings["server"] == "grpc" else (2,))))
        running.process.send_signal(signal.SIGKILL)
        await running.ended()
        await wait_until(lambda: is_free(int(running.target.rpartition(":")[2])))


@pytest.mark.parametrize(
    ("settings", "workers"),
    [("grpc", 1), ("grpc", 2), pytest.param("envoy", 1, marks=needs_envoy)],
    indirect=["settings"],
)
async def test_a_servicer_that_lacks_a_handler_ends_the_process_and_says_why(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any], workers: int
) -> None:
    async with started(identity, tmp_path, workers=workers, lacking=True, **settings) as running:
        assert await running.ended() == 1
        assert "kittest.v1.EchoService/BothWays has no handler" in running.log.read_text()


async def test_a_service_does_not_start_unsafely(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    certificate, key = Authority(tmp_path / "authority").issue("server")
    tls = {"tls_cert_file": certificate, "tls_key_file": key}
    unsafe: dict[str, dict[str, Any]] = {
        "GUERDON_ALLOW_PLAINTEXT": {},
        "the issuer https://development.guerdon.dev is for GUERDON_ENV=development only": {"allow_plaintext": True},
        "calls to ledger: set GUERDON_TLS_CA_FILE": {**tls, "calls_another": True},
    }

    async def refused(why: str, told: dict[str, Any]) -> None:
        async with started(identity, tmp_path, **settings | {"env": "production"} | told) as running:
            assert await running.ended() == 1
            assert why in running.log.read_text()

    await asyncio.gather(*(refused(why, told) for why, told in unsafe.items()))


class Collector:
    """Receives spans as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()

    async def Export(self, request: Any, _context: Any) -> Any:  # noqa: N802  # the contract's own name
        for resource in request.resource_spans:
            self.services |= {
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            }
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    collector = Collector()
    server = grpc.aio.server()
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(collector, server)
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    await server.start()
    yield collector, f"http://{LOOPBACK}:{port}"
    await server.stop(0)


@with_each_server
async def test_spans_of_all_kinds_of_calls_reach_the_collector(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    async with collecting() as (collector, endpoint):
        async with started(identity, tmp_path, otlp_endpoint=endpoint, workers=2, **settings) as running:
            await serving(running)
            assert await running.watched_health() == "SERVING"
            parent = (("traceparent", f"00-{trace_id}-b7ad6b7169203331-01"),)
            for rpc in KINDS:
                assert await running.call(rpc, metadata=parent)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await running.call(rpc, request_id="")
                assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == 0, "the last spans are sent at the end"
        traced = [span for span in collector.spans if span.trace_id.hex() == trace_id]
        assert sorted(span.name for span in traced) == sorted(f"/kittest.v1.EchoService/{rpc}" for rpc in KINDS)
        assert collector.services == {"guerdon.echo"}
        assert "Bearer" not in repr(collector.spans)
        assert not [span.name for span in collector.spans if "Health" in span.name]


async def test_a_collector_that_is_away_holds_nothing_up(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    [nowhere] = free_ports(1)
    async with started(identity, tmp_path, otlp_endpoint=f"http://{LOOPBACK}:{nowhere}", **settings) as running:
        await serving(running)
        await running.call()
        begun = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0
        assert time.monotonic() - begun < 6
