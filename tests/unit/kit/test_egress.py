"""What others chose is called only where it is public, and never believed to be short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import httpx
import pytest

from guerdon_kit.egress import (
    MAX_ANSWER_BYTES,
    Egress,
    EgressRefused,
    Lookups,
    NoAnswer,
    is_public,
    target_ok,
    url_ok,
)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("239.255.255.250", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("ff0e::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b:1::1", False),
        ("2002:a00:1::1", False),
        ("::10.0.0.1", False),
        ("::ffff:93.184.215.14", False),
        ("fec0::1", False),
        ("4000::1", False),
        ("192.0.0.192", False),
        ("192.88.99.1", False),
    ],
)
def test_only_addresses_of_the_whole_internet_are_called(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/orders",
        "https://10.0.0.1/orders",
        "https://[::1]/orders",
        "https://user:secret@partner.example/",
        "https://partner.example/#part",
        "https:///orders",
        "file:///etc/passwd",
        "https://partner.example/" + "x" * 500,
        "https://partner.example/\n",
        "https://pärtner.example/",
        "https://partner..example/",
        "https://./",
        f"https://{'x' * 64}.example/",
        f"https://{'x.' * 127}example/",
        "https://partner.example:0/",
        "https://partner.example:65536/",
        "",
        "https://[",
    ],
)
def test_an_address_is_kept_only_in_a_good_form(url: str) -> None:
    assert not url_ok(url, private=False)
    assert url_ok("https://partner.example:8443/orders?shop=1", private=False)
    assert url_ok("https://partner.example.", private=False)


def test_within_a_private_network_a_host_has_to_be_one_too() -> None:
    assert url_ok("http://10.0.0.1:8080/orders", private=True)
    assert url_ok("http://orders/", private=True)
    assert not url_ok("http://orders..within/", private=True)


async def test_a_name_is_refused_that_leads_inside() -> None:
    egress = Egress()
    try:
        with pytest.raises(EgressRefused):
            await egress.post("https://localhost/orders", b"{}", {}, 5.0)
    finally:
        await egress.close()


PUBLIC, INSIDE = "93.184.215.14", "10.0.0.1"


@pytest.mark.parametrize("addresses", [[INSIDE], [PUBLIC, INSIDE], [PUBLIC, "::1"], ["169.254.169.254"]])
async def test_one_inner_address_of_a_name_refuses_it(addresses: list[str]) -> None:
    made = _Resolved([addresses])
    with pytest.raises(EgressRefused):
        await made.egress.post("https://partner.example/", b"{}", {}, 5.0)
    assert not made.requests


async def test_the_address_that_was_looked_at_is_called_whatever_the_name_leads_to_then() -> None:
    """Also by whoever changes what a name resolves to between the look and the call: nobody asks a second time."""
    made = _Resolved([[PUBLIC], [INSIDE]])
    answer = await made.egress.post("https://partner.example:8443/hooks", b"{}", {}, 5.0)
    assert answer.status == 307  # to within, and it is not gone after
    [request] = made.requests
    assert (request.url.host, request.url.port) == (PUBLIC, 8443)
    assert request.headers["host"] == "partner.example:8443"
    assert request.extensions["sni_hostname"] == "partner.example"
    with pytest.raises(EgressRefused):
        await made.egress.post("https://partner.example:8443/hooks", b"{}", {}, 5.0)
    assert len(made.requests) == 1


class _Resolved:
    """The guard at its edge: a resolver that answers in turn as it is told, and what the guard would send."""

    def __init__(self, answers: Sequence[list[str]]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.egress = Egress(resolve=self._resolve)
        self.egress.__dict__["_transport"] = httpx.MockTransport(self._answer)

    async def _resolve(self, host: str, _port: int) -> Sequence[str]:
        assert host == "partner.example"
        return self._answers.pop(0)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(307, headers={"location": f"https://{INSIDE}/"}, stream=httpx.ByteStream(b""))


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 X\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1), b"nonsense\r\n\r\n"]
)
async def test_an_answer_that_is_none_or_too_large_is_no_answer(answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        await _ask(answer)


async def test_an_answer_that_takes_too_long_is_no_answer_and_no_redirect_is_followed() -> None:
    with pytest.raises(NoAnswer):
        await _ask(b"HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\n", hangs=True, timeout_s=0.2)
    there = b"HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    assert await _ask(there) == 302


async def test_an_answer_comes_unpacked_and_what_it_wants_kept_is_not_told_to_another_at_its_address() -> None:
    async with _server(b"HTTP/1.1 200 X\r\nset-cookie: shop=one; path=/\r\ncontent-length: 0\r\n\r\n") as server:
        for _ in range(2):
            await server.egress.post(server.url, b"{}", {}, 5.0)
    assert len(server.heads) == 2
    for head in server.heads:
        assert "accept-encoding: identity\r\n" in head
        assert "cookie" not in head


async def _ask(answer: bytes, *, hangs: bool = False, timeout_s: float = 5.0) -> int:
    """The status of what a server on this machine answers."""
    async with _server(answer, hangs=hangs) as server:
        return (await server.egress.post(server.url, b"{}", {}, timeout_s)).status


@dataclass(frozen=True)
class _Server:
    url: str
    egress: Egress
    heads: list[str]
    """What it was asked, in small letters."""


@asynccontextmanager
async def _server(answer: bytes, *, hangs: bool = False) -> AsyncIterator[_Server]:
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode("ascii").lower())
        writer.write(answer)
        if hangs:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    egress = Egress(private=True)
    try:
        yield _Server(f"http://localhost:{server.sockets[0].getsockname()[1]}/orders", egress, heads)
    finally:
        await egress.close()
        server.close()


@pytest.mark.parametrize("target", ["ledger.skyways.example:443", "8.8.8.8:8443"])
def test_a_public_host_and_port_may_be_called_by_grpc(target: str) -> None:
    assert target_ok(target, private=False)


@pytest.mark.parametrize("target", ["localhost:443", "127.0.0.1:443", "10.1.2.3:443", "ledger:443"])
def test_an_inner_host_may_be_called_by_grpc_only_where_that_is_allowed(target: str) -> None:
    assert not target_ok(target, private=False)
    assert target_ok(target, private=True)


@pytest.mark.parametrize(
    "target",
    ["", "x", "x:", ":443", "x:0", "x:65536", "x:0443", "http://x:443", "a b:443", "x:443/y", "unix:/x", "ä.de:1"],
)
def test_what_is_no_host_and_port_is_never_called(target: str) -> None:
    assert not target_ok(target, private=True)


async def test_a_name_is_looked_up_once_at_a_time_however_many_wait_and_leave() -> None:
    asked: list[str] = []
    go = asyncio.Event()

    async def slow(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        await go.wait()
        return ["93.184.216.34"]

    lookups = Lookups(slow)
    impatient, patient = (asyncio.create_task(lookups(host, 443)) for host in ("slow.example", "SLOW.example"))
    await asyncio.sleep(0)
    impatient.cancel()
    later = asyncio.create_task(lookups("slow.example", 443))
    await asyncio.sleep(0)
    go.set()
    assert list(await asyncio.gather(patient, later)) == [["93.184.216.34"]] * 2
    assert asked == ["slow.example"]
    await lookups("slow.example", 443)
    assert len(asked) == 2
