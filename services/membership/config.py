"""Membership's settings."""

from __future__ import annotations

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """What membership can be told by its environment, beyond what every service can."""

    listen: str = "127.0.0.1:7002"
    """`host:port` that the gRPC server listens on."""
    rewards_target: str = "127.0.0.1:7003"
    """Where the rewards catalog listens, for rules that give its rewards."""
