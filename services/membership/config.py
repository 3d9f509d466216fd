"""Membership's settings."""

from __future__ import annotations

from pydantic import Field

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """What membership can be told by its environment, beyond what every service can."""

    listen: str = "127.0.0.1:7002"
    """`host:port` that the gRPC server listens on."""
    requests_keep_days: int = Field(default=30, ge=1, le=3650)
    """How long the answer to a request is kept for when it is sent again."""
    events_keep_days: int = Field(default=7, ge=1, le=365)
    """How long a published event is kept for a stream that lost its data."""
