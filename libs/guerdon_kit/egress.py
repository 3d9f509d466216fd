"""The egress guard: every call to an address that somebody else chose goes through here.

Whoever may name an address could otherwise have this service talk to what only it can reach: databases, metadata
services, its own ports. So an address is https, its host is resolved here, each of its addresses has to be public, and
the connection goes to the address that was looked at, while TLS is about the name. Nothing is redirected, no proxy of
the environment is used, and an answer has a bounded size and time.

httpx and its certificates are loaded at the first call: most processes make none, and it takes 130 ms.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES = 65_536
MAX_URL = 500
_HOST = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}\.?")
_PORTS = range(1, 65_536)
_PORT = re.compile(r"[1-9][0-9]{0,4}")
# What IPv6 addresses of the whole internet are of. Beyond it Python counts as global what is none: NAT64, site-local
# addresses, and those that have an IPv4 address within.
_UNICAST = ip_network("2000::/3")
# What is of it, or of IPv4, and leads elsewhere: 6to4 and its relays, and what the IETF keeps, in which clouds put what
# they tell their machines.
_LEADING_INSIDE = tuple(map(ip_network, ("2002::/16", "192.88.99.0/24", "192.0.0.0/24")))


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, for connections to a port; raises OSError where it has none."""


async def _system_addresses(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Lookups:
    """The system's resolver. A name is looked up once at a time, however many wait for it: the resolver has few
    threads, and a name whose servers are slow, which somebody may have for the purpose, would take them all.
    """

    def __init__(self, look_up: Resolve = _system_addresses) -> None:
        self._look_up = look_up
        self._under_way: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host. Raises OSError where it has none."""
        asked = (host.lower(), port)
        if asked not in self._under_way:
            self._under_way[asked] = asyncio.ensure_future(self._look_up(*asked))
            self._under_way[asked].add_done_callback(lambda _done: self._under_way.pop(asked))
        return await asyncio.shield(self._under_way[asked])


class EgressRefused(Exception):
    """The address is none that this service calls. The text is for the log."""


class NoAnswer(Exception):
    """Nothing usable came back: whether the other side acted is not known. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the whole internet's."""
    if not address.is_global or address.is_multicast or (address.version == 6 and address not in _UNICAST):
        return False
    return not any(address.version == net.version and address in net for net in _LEADING_INSIDE)


def url_ok(url: str, *, private: bool) -> bool:
    """Whether an address may be kept to be called: of a good form, and not plainly an inner one.

    `private` allows http and inner addresses, for development. What a name resolves to is looked at with every call.
    """
    import httpx

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return False
    schemes = {"http", "https"} if private else {"https"}
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable():
        return False
    if parsed.scheme not in schemes or not parsed.host or parsed.userinfo or parsed.fragment:
        return False
    if parsed.port is not None and parsed.port not in _PORTS:
        return False
    try:
        return is_public(ip_address(parsed.host)) or private
    except ValueError:
        return _HOST.fullmatch(parsed.host) is not None


def target_ok(target: str, *, private: bool) -> bool:
    """Whether `host:port` may be kept to be called by gRPC: of a good form, and not plainly an inner one.

    `private` allows inner addresses. What a name resolves to is looked at with every connection.
    """
    host, _, port = target.rpartition(":")
    if not target.isascii() or _HOST.fullmatch(host) is None or _PORT.fullmatch(port) is None:
        return False
    try:
        inner = int(port) not in _PORTS or not (private or is_public(ip_address(host)))
    except ValueError:
        return private or "." in host
    return not inner


async def public_address(host: str, port: int, *, private: bool, resolve: Resolve) -> str:
    """The address to connect to for a host that somebody else chose. One that is not public among several refuses them
    all, unless `private` allows inner ones.

    Raises:
        EgressRefused: the host is none that this service calls.
        NoAnswer: it does not resolve.
    """
    try:
        addresses = await resolve(host, port)
    except OSError as error:
        raise NoAnswer("the host does not resolve") from error
    if not private and not all(is_public(ip_address(address)) for address in addresses):
        raise EgressRefused("the host resolves to an address that is not public")
    return addresses[0]


class Egress:
    """Posts to addresses that others chose."""

    def __init__(self, *, private: bool = False, resolve: Resolve | None = None) -> None:
        """`private` allows http and inner addresses, for development; `resolve` replaces the system's resolver."""
        self._private = private
        self._resolve = resolve or Lookups()

    @cached_property
    def _transport(self) -> httpx.AsyncHTTPTransport:
        import httpx

        # Connections are known by address: one that is kept for a name would serve another name at the same address.
        # So would a cookie: hence a transport, and no client, which keeps those that it is given.
        once = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncHTTPTransport(trust_env=False, limits=once)

    async def close(self) -> None:
        """Closes the connections."""
        if "_transport" in self.__dict__:
            await self._transport.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        """Posts the body, and answers what came back within the time, whatever its status.

        Raises:
            EgressRefused: nothing was sent.
            NoAnswer: it may have been received, or not.
        """
        import httpx

        if not url_ok(url, private=self._private):
            raise EgressRefused("the address is of no allowed form")
        try:
            async with asyncio.timeout(timeout_s):
                return await self._post(httpx.URL(url), body, headers, timeout_s)
        except TimeoutError as error:
            raise NoAnswer("no answer in time") from error
        except httpx.HTTPError as error:
            raise NoAnswer(type(error).__name__) from error

    async def _post(self, url: httpx.URL, body: bytes, headers: Mapping[str, str], timeout_s: float) -> Answer:
        import httpx

        address = await public_address(url.host, url.port or 443, private=self._private, resolve=self._resolve)
        request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            content=body,
            # An answer is taken as it comes, so that its size is what was received.
            headers={**headers, "host": url.netloc.decode("ascii"), "accept-encoding": "identity"},
            # The certificate has to be the name's, whichever address is connected to.
            extensions={"sni_hostname": url.host, "timeout": httpx.Timeout(timeout_s).as_dict()},
        )
        response = await self._transport.handle_async_request(request)
        try:
            received = bytearray()
            async for part in response.aiter_raw():
                received += part
                if len(received) > MAX_ANSWER_BYTES:
                    raise NoAnswer("the answer is too large")
            return Answer(response.status_code, bytes(received))
        finally:
            await response.aclose()
