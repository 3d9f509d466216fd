"""Calling gRPC servers at addresses that somebody else chose: through the egress guard, with a token for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from guerdon_kit.egress import EgressRefused, Lookups, NoAnswer, public_address, target_ok
from guerdon_kit.grpc.client import OutcomeUnknown
from guerdon_kit.grpc.requests import access_of

Answer = TypeVar("Answer", bound=Message)
MAX_ANSWER_BYTES = 1024 * 1024

CHANNEL_LASTS_S = 300.0
"""After so long a name is resolved anew."""
CLOSING_TAKES_S = 30.0
"""What is under way on a channel that is no longer used may take so long to end."""


@dataclass
class _Line:
    """A channel to the address that was looked at."""

    channel: grpc.aio.Channel
    until: float


@dataclass
class Outward:
    """Calls such servers. TLS is about the name they were given by; plaintext only where inner addresses are allowed,
    and to those alone.
    """

    token: Callable[[str, str], str]
    """Makes a token of an audience and a scope."""
    private: bool
    """Whether inner addresses are allowed, and plaintext to them, for development."""
    ca_file: Path | None = None
    """The authorities that are trusted (PEM); None: the usual ones."""
    _lookups: Lookups = field(default_factory=Lookups)
    _lines: dict[str, _Line] = field(default_factory=dict)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    async def call(
        self,
        target: str,
        service: ServiceDescriptor,
        rpc: str,
        request: Message,
        answer: type[Answer],
        *,
        audience: str,
        timeout_s: float,
    ) -> Answer:
        """Calls a unary RPC once.

        Raises:
            OutcomeUnknown: no answer came back, whatever the reason. Only an answer says that a server has decided.
        """
        until = time.monotonic() + timeout_s
        method = service.methods_by_name[rpc]
        token = self.token(audience, access_of(method).scope)
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._line(target)
            # Without a deserializer: what does not decode grpc would log in full, and answer None.
            call: Any = line.channel.unary_unary(
                f"/{service.full_name}/{rpc}", request_serializer=type(request).SerializeToString
            )
            left = max(until - time.monotonic(), 0.001)
            received = await call(request, timeout=left, metadata=(("authorization", f"Bearer {token}"),))
            return answer.FromString(received)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE and self._lines.get(target) is line:
                self._retire(self._lines.pop(target))  # by now the name may lead elsewhere
            raise OutcomeUnknown from error
        except (EgressRefused, NoAnswer, TimeoutError, DecodeError) as error:
            raise OutcomeUnknown from error

    async def close(self) -> None:
        """Closes the channels."""
        for line in self._lines.values():
            await line.channel.close()
        for task in self._closing:
            task.cancel()

    async def _line(self, target: str) -> _Line:
        line = self._lines.get(target)
        if line is not None and line.until > time.monotonic():
            return line
        if not target_ok(target, private=self.private):
            raise EgressRefused("the address is of no allowed form")
        host, _, port = target.rpartition(":")
        address = await public_address(host, int(port), private=self.private, resolve=self._lookups)
        fresh = _Line(self._channel(host, address, int(port)), time.monotonic() + CHANNEL_LASTS_S)
        if (replaced := self._lines.get(target)) is not None:
            self._retire(replaced)
        self._lines[target] = fresh
        return fresh

    def _channel(self, host: str, address: str, port: int) -> grpc.aio.Channel:
        number = ip_address(address)
        literal = f"ipv6:[{address}]:{port}" if number.version == 6 else f"ipv4:{address}:{port}"
        options: list[tuple[str, Any]] = [
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0),
            ("grpc.default_authority", host),
        ]
        if self.private and not number.is_global and self.ca_file is None:
            return grpc.aio.insecure_channel(literal, options=options)
        authority = None if self.ca_file is None else self.ca_file.read_bytes()
        return grpc.aio.secure_channel(
            literal,
            grpc.ssl_channel_credentials(authority),
            options=[*options, ("grpc.ssl_target_name_override", host)],
        )

    def _retire(self, line: _Line) -> None:
        """Closes a channel once what is under way on it has ended."""
        task = asyncio.create_task(line.channel.close(CLOSING_TAKES_S))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
