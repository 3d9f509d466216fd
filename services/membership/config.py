"""Membership's settings."""

from __future__ import annotations

from pydantic import Field

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """What membership can be told by its environment, beyond what every service can."""

    listen: str = "127.0.0.1:7002"
    """`host:port` that the gRPC server listens on."""
    ledger_patience_s: float = Field(default=2.0, gt=0, le=10)
    """How many seconds, at most 10, a caller waits for the ledger at most. What the ledger has not answered by then is
    recorded and told as pending; it gets there without the caller.
    """
    rewards_target: str = "127.0.0.1:7003"
    """Where the rewards catalog listens, for rules that give its rewards."""
    rewards_patience_s: float = Field(default=10.0, gt=0, le=30)
    """How many seconds, at most 30, one answer of the catalog is waited for, before it is asked again later."""
