"""What Envoy and our server inside it make of a call together: over the wire, to a process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived, StreamEnded, StreamReset, TrailersReceived

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.errors import Status
from guerdon_kit.grpc import ClientTls, OutcomeUnknown, Remote
from guerdon_kit.grpc.wire import framed
from guerdon_kit.testing import wait_until
from guerdon_kit.testing.authority import Authority
from tests.integration.kit.echo import KINDS, Echo, Refused, asked, heard
from tests.integration.kit.process import Running, needs_envoy, started
from tests.kit_protos import message_class

MESSAGE_MAX = 1024 * 1024
CONNECTION_MAX = 8


pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_envoy]


@pytest.fixture(scope="module")
def settings(endpoints: Endpoints) -> dict[str, Any]:
    return {"database_url": endpoints.postgres_url, "server": "envoy"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    identity: DevelopmentIdentity, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> AsyncIterator[Running]:
    limits = {"max_message_bytes": MESSAGE_MAX, "max_concurrent_per_connection": CONNECTION_MAX, "reflection": True}
    async with started(identity, tmp_path_factory.mktemp("envoy"), **settings, **limits) as made:
        await wait_until(made.health)
        yield made


@pytest.fixture
def running(shared: Running) -> Running:
    return shared.from_here()


async def refused(running: Running, rpc: str = "Unary", **options: Any) -> Refused:
    return await heard(lambda: running.call(rpc, **options))


async def test_calls_of_each_kind_come_and_go(running: Running) -> None:
    pid = str(running.process.pid)
    for rpc in KINDS:
        assert await running.call(rpc) == pid
    assert await running.call("Down", count=500) == ",".join([pid] * 500)
    assert await running.call("Up", requests=500) == ",".join([pid] * 500)
    assert await running.call("BothWays", requests=500) == ",".join([pid] * 500)
    for rpc in KINDS:
        assert await running.call(rpc, compression=grpc.Compression.Gzip, padding=b"x" * 100_000)
        assert await running.call(rpc, padding=b"x" * (MESSAGE_MAX - 1_000))
        for larger in (b"x" * (MESSAGE_MAX + 1), b"x" * (3 * MESSAGE_MAX)):
            assert (await refused(running, rpc, padding=larger)).code == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert (
                await refused(running, rpc, padding=larger, compression=grpc.Compression.Gzip)
            ).code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [line["status"] for line in running.events("call")].count("OK") == 4 + 3 + 8


async def test_what_is_wrong_is_told_as_elsewhere(running: Running) -> None:
    for rpc in KINDS:
        garbage = await refused(running, rpc, payload=b"\xff")
        assert (garbage.code, garbage.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
        lacking = await refused(running, rpc, request_id="")
        assert (lacking.code, lacking.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["request_id"])
        foreign = await refused(running, rpc, name="programs/other/accounts/ä")
        assert foreign.code == grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError) as late:  # said by whoever is first, the service or the client
            await running.call(rpc, notes=["forever"], timeout=0.2)
        assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        for token in ("", "x", "Bearer "):
            # No message is sent: the headers are enough, and grpc's client may lose a refusal that its write meets.
            nobody = await refused(running, rpc, token=token, requests=0)
            assert (nobody.code, nobody.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    for path in ("/kittest.v1.EchoService/Other", "/kittest.v1.Other/Unary", "/"):
        async with running.connected() as channel:
            method: Any = channel.unary_unary(path)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await method(b"", timeout=5)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert not running.events("unexpected") + running.events("envoy")
    assert "Traceback" not in running.log.read_text()


async def test_every_refusal_leaves_as_itself(running: Running) -> None:
    for rpc in KINDS:
        for status in [status for status in Status if status is not Status.CANCELLED]:
            told = await refused(running, rpc, notes=["refuse"], secret=status.name)
            assert (told.code.name, told.message, told.reason) == (status.name, "As first said: ü.", "SOME")
            assert (told.metadata, told.replayed) == ({"required": "7"}, True)
        told = await refused(running, rpc, notes=["fail"], secret="4000-1234")
        assert (told.code, told.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
        assert told.message == f"internal error {told.metadata['error_id']}"
        assert running.events("unexpected")[-1]["error_id"] == told.metadata["error_id"]


async def test_what_is_not_grpc_is_told_so(running: Running) -> None:
    plain = {"content-type": "application/json", "te": "trailers"}
    assert (await answered(running, plain, b"{}"))[b":status"] == b"415"
    whole = {"content-type": "application/grpc", "te": "trailers"}
    for body in (b"", b"\0", b"\0\0\0\0\5abc", b"\7\0\0\0\1a", b"\0\0\0\0\0\0\0\0\0\0", b"\1\0\0\0\1a"):
        ended = await answered(running, whole | {"authorization": f"Bearer {running.token()}"}, body)
        assert ended[b"grpc-status"] == b"3", body
    unknown = whole | {"grpc-encoding": "snappy"}
    assert (await answered(running, unknown, b"\1\0\0\0\1a"))[b"grpc-status"] == b"12"
    escaped = ByHand(running, path="/%ff")
    await escaped.send(whole, b"")
    assert (await escaped.end())[b"grpc-status"] == b"7"
    for much in ({f"x-{number}": "" for number in range(101)}, {"x": "x" * 17_000}):
        assert await answered(running, whole | much, b"") == {}, "the stream is reset"
    reader, writer = await asyncio.open_connection(*address_of(running))
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(5):
        assert b"200" not in await reader.read()
    writer.close()
    assert await running.call()


async def test_who_leaves_is_noticed_and_who_does_not_read_holds_nobody_up(running: Running) -> None:
    async with running.connected() as channel:
        for left, rpc in enumerate(KINDS, 1):
            call = running.begin(channel, rpc, notes=["forever"])
            reading = asyncio.ensure_future(call.read() if rpc in {"Down", "BothWays"} else call)
            await running.under_way(left)
            call.cancel()
            await asyncio.wait([reading])
            await wait_until(partial(called, running, left))
        assert [line["status"] for line in running.events("call")] == ["CANCELLED"] * 4
        # Answers that nobody reads fill what there is of room, and no more.
        full = running.begin(channel, "Down", count=1_000, notes=["much"], timeout=2)
        await full.read()
        assert await running.call(), "others are served"
        await wait_until(partial(called, running, 6))
        assert len(running.events("under_way")) < 4 + 200


async def test_a_slow_service_has_its_callers_wait_and_keeps_what_they_sent(running: Running) -> None:
    pid = str(running.process.pid)
    many = 40
    answers = await running.call("Up", requests=many, padding=b"x" * 500_000, notes=["slowly"])
    assert answers == ",".join([pid] * many)


async def test_more_calls_than_a_connection_may_have_are_refused_and_others_are_not(running: Running) -> None:
    async with running.connected() as channel:
        held = [running.begin(channel, "Unary", notes=["forever"]) for _ in range(CONNECTION_MAX)]
        waiting = [asyncio.ensure_future(call) for call in held]
        await running.under_way(CONNECTION_MAX)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await running.begin(channel, "Unary")
        assert Refused.of(error.value).reason == "OVERLOADED"
        assert await running.call(), "by another connection"
        for call in held:
            call.cancel()
        await asyncio.wait(waiting)

        async def served_again() -> bool:
            try:
                return bool(await running.begin(channel, "Unary"))
            except grpc.aio.AioRpcError:
                return False

        await wait_until(served_again)


async def test_reflection_and_health_answer(running: Running) -> None:
    async with running.connected() as channel:
        untyped: Any = reflection_pb2_grpc.ServerReflectionStub
        stub = untyped(channel)
        asking = [reflection_pb2.ServerReflectionRequest(list_services="")]
        metadata = (("authorization", f"Bearer {running.token()}"),)
        answers = [one async for one in stub.ServerReflectionInfo(iter(asking), metadata=metadata, timeout=5)]
        assert Echo.service.full_name in {one.name for one in answers[0].list_services_response.service}
    assert await running.watched_health() == "SERVING"


async def test_a_large_answer_is_sent_to_its_end_before_the_process_ends(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    async with started(identity, tmp_path, **settings) as running:
        await wait_until(running.health)
        reading = ByHand(running)
        headers = {"content-type": "application/grpc", "te": "trailers", "authorization": f"Bearer {running.token()}"}
        await reading.send(headers, framed(asked(notes=["much"]).SerializeToString()))
        await wait_until(partial(called, running, 1))
        running.process.send_signal(signal.SIGTERM)
        assert (await reading.end())[b"grpc-status"] == b"0"
        assert await running.ended() == 0


async def test_tls_lets_in_who_presents_a_certificate_of_the_authority(
    identity: DevelopmentIdentity, tmp_path: Path, settings: dict[str, Any]
) -> None:
    ours, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "strangers")
    certificate, key = ours.issue("server")
    tls = {"tls_cert_file": certificate, "tls_key_file": key, "tls_client_ca_file": ours.ca_file}
    async with started(identity, tmp_path, **settings, **tls) as running:

        async def answer_to(client: Authority | None) -> str:
            shown = (None, None) if client is None else client.issue("client")[::-1]
            token = running.token()
            remote = Remote(running.target, Echo.service, lambda *_: token, tls=ClientTls(ours.ca_file, *shown))
            try:
                answer: Any = await remote.call(
                    "Unary", asked(), message_class("Answer"), tenants=["programs/acme"], timeout_s=1.0
                )
                return str(answer.text)
            except OutcomeUnknown:
                return ""
            finally:
                await remote.close()

        assert await wait_until(lambda: answer_to(ours)) == str(running.process.pid)
        assert await answer_to(strangers) == ""
        assert await answer_to(None) == ""
        assert await running.health() == "", "nor does it take plaintext"
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


def called(running: Running, times: int) -> bool:
    return len(running.events("call")) == times


def address_of(running: Running) -> tuple[str, int]:
    host, _, port = running.target.rpartition(":")
    return host, int(port)


class ByHand:
    """A connection with one request, which no client library sends."""

    def __init__(self, running: Running, path: str = f"/{Echo.service.full_name}/Unary") -> None:
        self.running = running
        self.path = path
        self.http = H2Connection(H2Configuration(header_encoding=None))

    async def send(self, headers: dict[str, str], body: bytes) -> None:
        self.http.initiate_connection()
        request = {":method": "POST", ":scheme": "http", ":path": self.path, ":authority": "x"}
        self.http.send_headers(1, list((request | headers).items()))
        self.http.send_data(1, body, end_stream=True)
        self.reader, self.writer = await asyncio.open_connection(*address_of(self.running))
        self.writer.write(self.http.data_to_send())

    async def end(self) -> dict[bytes, bytes]:
        """All headers and trailers of the answer; there is room for a megabyte of it from here on."""
        self.http.increment_flow_control_window(MESSAGE_MAX)
        self.http.increment_flow_control_window(MESSAGE_MAX, stream_id=1)
        found: dict[bytes, bytes] = {}
        async with asyncio.timeout(5):
            while True:
                self.writer.write(self.http.data_to_send())
                read = await self.reader.read(65_536)
                assert read, f"the connection ended after {found}"
                for event in self.http.receive_data(read):
                    if isinstance(event, ResponseReceived | TrailersReceived):
                        found |= {bytes(name): bytes(value) for name, value in event.headers}
                    elif isinstance(event, StreamEnded | StreamReset):
                        self.writer.close()
                        return found


async def answered(running: Running, headers: dict[str, str], body: bytes) -> dict[bytes, bytes]:
    connection = ByHand(running)
    await connection.send(headers, body)
    return await connection.end()
