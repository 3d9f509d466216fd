"""The recognition service's settings."""

from __future__ import annotations

from pydantic import Field

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """Those of every service, and recognition's own."""

    listen: str = "127.0.0.1:7005"
    """`host:port` that the gRPC server listens on."""
    ledger_timeout_s: float = Field(default=4.0, gt=0, le=60)
    """How long one call to the ledger may take before its outcome counts as unknown."""
    lease_s: float = Field(default=10.0, gt=0, le=600)
    """How long a worker has what it is at for itself; then another one goes on. Longer than `ledger_timeout_s`."""
    recovery_poll_s: float = Field(default=1.0, gt=0, le=60)
    """How often the recovery looks for what a crash left behind."""
    allowance_poll_s: float = Field(default=2.0, gt=0, le=3600)
    """How often the job looks for allowances to grant: how late after a month's beginning, or a person's."""
    request_keep_days: int = Field(default=30, ge=1, le=3650)
    """How long a request is remembered and answered again."""
    event_keep_days: int = Field(default=7, ge=1, le=3650)
    """How long sent events are kept, to be sent again when Redis lost them."""
