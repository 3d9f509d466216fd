"""A real PostgreSQL and two real Redis servers with nothing to install: for development, demo and tests."""

from guerdon_kit.embedded.errors import (
    AlreadyRunning,
    BinariesMissing,
    DataUnreachable,
    EmbeddedError,
)
from guerdon_kit.embedded.servers import (
    ENVIRONMENT,
    POSTGRES,
    EmbeddedServers,
    Endpoints,
    Resolved,
    resolve_endpoints,
)

__all__ = [
    "ENVIRONMENT",
    "POSTGRES",
    "AlreadyRunning",
    "BinariesMissing",
    "DataUnreachable",
    "EmbeddedError",
    "EmbeddedServers",
    "Endpoints",
    "Resolved",
    "resolve_endpoints",
]
