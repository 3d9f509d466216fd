"""A bare `grpc.aio` server that answers an empty call: `python -m guerdon_cli.bench.echo HOST:PORT WORKERS`.

What it does in a second is what any service on this machine could do at most. It ends with its parent.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import grpc
import uvloop

ECHO = "/guerdon.bench.Echo/Empty"


async def _empty(request: bytes, _context: object) -> bytes:
    return request


async def _serve(target: str) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    service, _, method = ECHO.lstrip("/").partition("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(_empty)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(target)
    await server.start()
    await server.wait_for_termination()


def main() -> None:
    """Serve until killed."""
    for _ in range(int(sys.argv[2]) - 1):
        if os.fork() == 0:
            break
    uvloop.run(_serve(sys.argv[1]))


if __name__ == "__main__":
    main()
