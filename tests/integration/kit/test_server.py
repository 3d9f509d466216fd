"""The server of one process: when it starts, what it says of its health, and how it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from guerdon_kit.auth import Issuer, TokenVerifier
from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.config import ServiceSettings
from guerdon_kit.errors import Unavailable
from guerdon_kit.grpc import Server
from guerdon_kit.grpc.server import _options
from guerdon_kit.logs import CallLog
from guerdon_kit.metrics import CallMetrics
from guerdon_kit.testing import wait_until
from tests.integration.kit.echo import AUDIENCE, Echo, Lines, Wire, heard, wire
from tests.kit_protos import service

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@asynccontextmanager
async def unbound() -> AsyncIterator[Server]:
    settings = ServiceSettings(env="development", listen="127.0.0.1:0")
    yield Server(settings, TokenVerifier(AUDIENCE, {}), CallLog(cast("Any", Lines()), CallMetrics()))


class Whatever:
    """Has a handler for everything but what lacks."""

    def __init__(self, source: str) -> None:
        self.service = service(source, "kittest.v1.S")

    async def r(self, _request: Any, _call: Any) -> Any:
        raise AssertionError("the server does not start")


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("", "declares no access"),
        ('option (guerdon.options.v1.access) = {scope: "x" tenant: TENANT_PROGRAM};', "names no resource"),
    ],
)
async def test_a_contract_with_a_gap_stops_the_start(option: str, why: str) -> None:
    source = f"package kittest.v1; message P {{string a = 1;}} service S {{ rpc R(P) returns (P) {{ {option} }} }}"
    async with unbound() as server:
        with pytest.raises(ValueError, match=why):
            server.bind([Whatever(source)])


async def test_a_servicer_that_lacks_a_handler_stops_the_start() -> None:
    class Lacking(Echo):
        both_ways = None  # type: ignore[assignment]  # that is the point

    async with unbound() as server:
        with pytest.raises(ValueError, match=r"kittest.v1.EchoService/BothWays has no handler: Lacking.both_ways"):
            server.bind([Lacking()])


async def test_two_servers_do_not_share_a_port(served: Wire, identity: DevelopmentIdentity) -> None:
    with pytest.raises(RuntimeError):
        async with wire(identity, listen=served.target):
            pass
    assert await served.call("Unary")


async def health_of(target: str, name: str = "") -> int:
    async with grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        asking = health_pb2.HealthCheckRequest(service=name)
        answer = await health.Check(asking, timeout=5, wait_for_ready=True)
        return int(answer.status)


async def test_health_is_told_of_the_server_and_of_each_service(served: Wire) -> None:
    names = ["", "kittest.v1.EchoService"]
    assert [await health_of(served.target, name) for name in names] == [NOT_SERVING] * 2
    await served.server.serving(True)
    assert [await health_of(served.target, name) for name in names] == [SERVING] * 2
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await health_of(served.target, "kittest.v1.Other")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_stop_is_told_first_and_calls_under_way_are_finished(identity: DevelopmentIdentity) -> None:
    async with wire(identity, shutdown_grace_s=10) as served:
        await served.server.serving(True)
        gate = asyncio.Event()

        async def held(_request: Any, _call: Any) -> str:
            await gate.wait()
            return "finished"

        served.echo.answer = held
        call = asyncio.ensure_future(served.call("Unary"))
        await wait_until(lambda: served.echo.calls)
        health: Any = health_pb2_grpc.HealthStub(served.channel)
        watching = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watching.read()).status == SERVING
        stopping = asyncio.ensure_future(served.server.stop())
        assert (await watching.read()).status == NOT_SERVING
        watching.cancel()
        assert not call.done()
        gate.set()
        assert [answer.text for answer in await call] == ["finished"]
        async with asyncio.timeout(5):
            await stopping


async def test_calls_past_the_grace_are_ended_and_their_callers_told(identity: DevelopmentIdentity) -> None:
    async with wire(identity, shutdown_grace_s=0) as served:
        ended: list[BaseException] = []

        async def forever(_request: Any, _call: Any) -> str:
            try:
                await asyncio.Event().wait()
            except BaseException as error:
                ended.append(error)
                raise
            return ""

        served.echo.answer = forever
        call = asyncio.ensure_future(served.call("Unary"))
        await wait_until(lambda: served.echo.calls)
        async with asyncio.timeout(5):
            await served.server.stop()
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await call
        assert error.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        await wait_until(lambda: ended)
        assert isinstance(ended[0], asyncio.CancelledError)


async def listed(served: Wire, metadata: Any) -> list[str]:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", served.channel))
    asking = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    answers = [answer async for answer in stub.ServerReflectionInfo(asking, metadata=metadata, timeout=5)]
    return [found.name for found in answers[0].list_services_response.service]


async def test_reflection_is_off_unless_asked_for(served: Wire) -> None:
    refused = await heard(lambda: listed(served, served.bearer()))
    assert refused.code == grpc.StatusCode.UNIMPLEMENTED


async def test_reflection_takes_any_valid_token_and_no_other(identity: DevelopmentIdentity) -> None:
    async with wire(identity, reflection=True) as served:
        assert "kittest.v1.EchoService" in await listed(served, served.bearer(scopes=[], tenants=[]))
        other = served.bearer(audiences=["guerdon.ledger"])
        for metadata in [(), (("authorization", "Basic x"),), (("authorization", "Bearer x"),), other]:
            refused = await heard(partial(listed, served, metadata))
            assert refused.code == grpc.StatusCode.UNAUTHENTICATED
            assert refused.message == "A valid bearer token is required."
        assert await served.call("Unary"), "other calls go their own way"


async def test_reflection_says_no_more_than_a_refusal_where_issuers_cannot_be_asked(
    identity: DevelopmentIdentity,
) -> None:
    async def away(_name: str) -> Issuer | None:
        raise Unavailable

    async with wire(identity, reflection=True, resolve=away) as served:
        refused = await heard(lambda: listed(served, served.bearer(iss="https://partner.example")))
        assert refused.code == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("grpc.health.v1.Health/Check", "unary_unary"),
        ("grpc.health.v1.Health/Watch", "unary_stream"),
        ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "stream_stream"),
    ],
)
async def test_no_garbage_brings_out_exception_text(identity: DevelopmentIdentity, method: str, kind: str) -> None:
    async with wire(identity, reflection=True) as served:

        async def garbage() -> Any:
            payload = iter([b"\xff"]) if kind == "stream_stream" else b"\xff"
            call = getattr(served.channel, kind)(f"/{method}")(payload, metadata=served.bearer(), timeout=5)
            return await call if kind == "unary_unary" else [answer async for answer in call]

        refused = await heard(garbage)
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")


async def test_a_connection_ends_after_its_time_and_its_caller_does_not_notice(
    identity: DevelopmentIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guerdon_kit.config.CONNECTION_AGE_S", 0.2)
    async with wire(identity) as served:
        await served.call("Unary")
        async with asyncio.timeout(5):
            await served.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        assert await served.call("Unary")


@pytest.mark.parametrize(("workers", "shared"), [(1, 0), (2, 1)])
def test_what_a_server_is_started_with(workers: int, shared: int) -> None:
    settings = ServiceSettings(env="development", workers=workers, max_message_bytes=5000, max_concurrent=7)
    options = dict(_options(settings))
    assert options["grpc.so_reuseport"] == shared
    assert (options["grpc.max_receive_message_length"], options["grpc.max_concurrent_streams"]) == (5000, 7)
    assert 0 < options["grpc.max_connection_age_ms"] <= 3_600_000
    assert {"grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.max_connection_age_grace_ms"} <= {*options}
