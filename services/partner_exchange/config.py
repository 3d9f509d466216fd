"""Partner exchange's own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """What partner exchange is told beside what every service is."""

    listen: str = "127.0.0.1:7004"
    """`host:port` that the gRPC server listens on."""
    lease_s: int = Field(default=5, ge=1, le=600)
    """After so many seconds without an end an exchange is taken up by the recovery loop."""

    @property
    def lease(self) -> timedelta:
        """`lease_s`."""
        return timedelta(seconds=self.lease_s)
