"""The HTTP server of one worker process, for protocols that others chose. What we choose ourselves is gRPC."""

from __future__ import annotations

import ssl

from aiohttp import web

from guerdon_kit.config import ServiceSettings


class HttpServer:
    """An application at an address (`host:port`), beside the gRPC server: workers share the port, the certificate is
    the same one. Clients present none: they are others' systems, and say who they are by a token.
    """

    def __init__(self, application: web.Application, listen: str, settings: ServiceSettings) -> None:
        self._listen = listen
        self._settings = settings
        # Requests under way end as calls do. A header or a line of 8 KiB is more than any client of ours sends.
        self._runner = web.AppRunner(
            application,
            handle_signals=False,
            access_log=None,
            shutdown_timeout=settings.shutdown_grace_s,
            keepalive_timeout=75,
        )

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the address cannot be bound.
        """
        host, _, port = self._listen.rpartition(":")
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            host.strip("[]"),
            int(port),
            ssl_context=_tls(self._settings),
            reuse_port=self._settings.workers > 1,
        )
        await site.start()

    async def stop(self) -> None:
        """Takes no more requests, and waits for those under way for the grace."""
        await self._runner.cleanup()


def _tls(settings: ServiceSettings) -> ssl.SSLContext | None:
    if settings.tls_cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    return context
