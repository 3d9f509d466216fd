"""A provider on this machine: an HTTP server that takes orders and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from guerdon import new_request_id
from guerdon.rewards.v1 import providers_pb2 as pb
from guerdon.rewards.v1 import resources_pb2 as res
from guerdon_kit.webhooks import signing
from tests.contract.rewards_catalog.world import Shop


@dataclass(frozen=True)
class Asked:
    """An order as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def redemption(self) -> str:
        return str(json.loads(self.body)["data"]["redemption"])


@dataclass
class Counterparty:
    """What was ordered, and how the next order is answered: a status and a body; None hangs up."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], tuple[int, bytes] | None] = field(default=lambda _asked: None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/orders"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection with one order."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        asked = Asked(
            {**headers, **{line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in lines[1:] if line}},
            await reader.readexactly(int(headers["content-length"])),
        )
        self.asked.append(asked)
        answer = self.answer(asked)
        if answer is not None:
            status, body = answer
            head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            writer.write(head.encode("ascii") + body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def counterparty() -> AsyncIterator[Counterparty]:
    """A provider that listens on the loopback."""
    made = Counterparty()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


def says(type_: str, redemption: str, **more: str) -> bytes:
    """A provider's message."""
    return json.dumps({"type": f"fulfilment.{type_}", "data": {"redemption": redemption, **more}}).encode()


async def make_provider(shop: Shop, provider: str = "sandbox", url: str = "") -> tuple[str, str]:
    """A provider, a sandbox unless it has an address, and its secret."""
    kind = pb.PROVIDER_KIND_HTTP if url else pb.PROVIDER_KIND_SANDBOX
    asked = pb.Provider(name=f"{shop.program}/providers/{provider}", kind=kind, url=url)
    request = pb.CreateProviderRequest(provider=asked, request_id=new_request_id())
    made = await shop.catalog.providers.CreateProvider(request)
    return made.provider.name, made.secret


async def provided(shop: Shop, provider: str, reward: str = "card", **more: Any) -> str:
    """A reward that the provider issues."""
    return await shop.reward(reward, fulfilment=res.FULFILMENT_PROVIDER, provider=provider, **more)


def report_request(
    provider: str, secret: str, body: bytes, message_id: str = "", now: datetime | None = None
) -> pb.ReportFulfilmentRequest:
    """What a gateway hands on of a provider's message of now."""
    message_id = message_id or new_request_id()
    headers = signing.headers([secret], message_id, now or datetime.now(UTC), body)
    return pb.ReportFulfilmentRequest(
        name=provider,
        request_id=headers["webhook-id"],
        webhook_timestamp=headers["webhook-timestamp"],
        webhook_signature=headers["webhook-signature"],
        body=body,
    )


async def report(
    shop: Shop, provider: str, secret: str, body: bytes, message_id: str = "", now: datetime | None = None
) -> res.Redemption:
    """Hands on a provider's message of now, which is another time where a clock was moved."""
    request = report_request(provider, secret, body, message_id, now)
    return (await shop.catalog.providers.ReportFulfilment(request)).redemption


async def decide(shop: Shop, redemption: str, **outcome: Any) -> res.Redemption:
    """Says in a provider's stead what became of a redemption."""
    request = pb.DecideFulfilmentRequest(name=redemption, request_id=new_request_id(), **outcome)
    return (await shop.catalog.providers.DecideFulfilment(request)).redemption
