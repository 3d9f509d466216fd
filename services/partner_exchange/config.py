"""Partner exchange's own settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from guerdon_kit.webhooks.settings import WebhookSettings
from partner_exchange.domain.steps import Patience


class Settings(WebhookSettings):
    """What partner exchange is told beside what every service is."""

    listen: str = "127.0.0.1:7004"
    """`host:port` that the gRPC server listens on."""
    lease_s: int = Field(default=5, ge=1, le=600)
    """After so many seconds without an end an exchange is taken up by the recovery loop."""

    partner_events_keep_days: int = Field(default=30, ge=4, le=3650)
    """How long partners can read what they were told, and have it sent again. Webhooks are tried for over three."""
    event_streams_max: int = Field(default=500, ge=1, le=10_000)
    """How many streams of events one worker serves at once."""

    partner_timeout_s: int = Field(default=5, ge=1, le=10)
    """How long a remote partner may take to answer before it is asked again later."""
    partner_calls_max: int = Field(default=16, ge=1, le=1000)
    """How many calls to one remote partner a worker has under way at once."""
    reserve_within_s: int = Field(default=900, ge=1, le=86_400)
    """After so many seconds an exchange with a remote partner whose points are not reserved yet is given up."""
    answer_within_s: int = Field(default=86_400, ge=1, le=2_592_000)
    """After so many seconds a remote partner that has not answered is put before the operator."""
    private_partners: bool = False
    """Whether remote partners may be within a private network, and without TLS, as they may in development."""
    partner_ca_file: Path | None = None
    """The authorities (PEM) that certificates of remote partners may be of. Absent: those that the machine trusts."""

    @property
    def partner_events_keep(self) -> timedelta:
        """`partner_events_keep_days`."""
        return timedelta(days=self.partner_events_keep_days)

    @property
    def patience(self) -> Patience:
        """`reserve_within_s` and `answer_within_s`."""
        return Patience(timedelta(seconds=self.reserve_within_s), timedelta(seconds=self.answer_within_s))

    @property
    def lease(self) -> timedelta:
        """`lease_s`."""
        return timedelta(seconds=self.lease_s)
