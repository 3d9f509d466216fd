"""What listens for the server of a test: grpc's own, or, in the same process as the test, a server of ASGI.

In production that is Envoy, which `test_envoy.py` and `test_service.py` try as a process.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from guerdon_kit.config import ServiceSettings
from guerdon_kit.grpc.asgi import AsgiServer


class Own:
    """Grpc's own server, which listens itself."""

    server: AsgiServer | None = None

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings

    async def start(self) -> None:
        """It has been started."""

    async def stop(self) -> None:
        """It has been stopped."""


class Asgi(Own):
    """A server of ASGI."""

    def __init__(self, settings: ServiceSettings) -> None:
        host, _, port = settings.listen.rpartition(":")
        self._socket = socket.create_server((host, int(port)))
        port = str(self._socket.getsockname()[1])
        super().__init__(settings.model_copy(update={"listen": f"{host}:{port}"}))
        self.server = AsgiServer(
            settings.max_message_bytes, settings.max_concurrent_per_connection, settings.default_deadline_s
        )
        self._stop = asyncio.Event()
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        config = Config()
        config.bind = [f"fd://{self._socket.detach()}"]  # which it closes
        config.errorlog = None
        config.graceful_timeout = 0.1
        config.h2_max_concurrent_streams = self.settings.max_concurrent
        application: Any = self._application
        serving = serve(application, config, shutdown_trigger=self._stop.wait)
        self._serving = asyncio.ensure_future(serving)

    async def stop(self) -> None:
        self._stop.set()
        assert self._serving is not None, "it was started"
        await self._serving

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert self.server is not None, "it is made with it"
            await self.server(scope, receive, send)
            return
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})


@dataclass
class Chosen:
    """What the servers of a test are listened for by."""

    kind: type[Own] = field(default=Own)


CHOSEN = Chosen()
