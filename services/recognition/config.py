"""The recognition service's own settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from guerdon_kit.webhooks.settings import WebhookSettings


class Settings(WebhookSettings):
    """What the recognition service is told beside what every service is."""

    listen: str = "127.0.0.1:7005"
    """`host:port` that the gRPC server listens on."""
    scim_listen: str = ""
    """`host:port` that the HTTP server for SCIM 2.0 listens on. Empty: off."""
    scim_url: str = ""
    """Where identity providers reach that server, such as `https://scim.example.com/scim/v2`: what its answers call
    themselves. Empty: the address that a request was sent to.
    """
    ledger_timeout_s: float = Field(default=4.0, gt=0, le=60)
    """How long one call to the ledger may take before its outcome counts as unknown."""
    lease_s: float = Field(default=10.0, gt=0, le=600)
    """How long a worker has what it is at for itself, before another one goes on; longer than `ledger_timeout_s`."""
    recovery_poll_s: float = Field(default=1.0, gt=0, le=60)
    """How often the recovery looks for what a crash left behind."""
    allowance_poll_s: float = Field(default=2.0, gt=0, le=3600)
    """How often allowances to grant are looked for: how long after a month's beginning, or a person's, they come."""
    celebration_poll_s: float = Field(default=30.0, gt=0, le=3600)
    """How often days to celebrate are looked for: how long after a day's beginning its celebrations come."""

    billing_poll_s: float = Field(default=60.0, gt=0, le=3600)
    """How often programs whose transactions are to be counted, and months to bill, are looked for."""
    leaver_look_s: float = Field(default=86_400.0, gt=0, le=2_592_000)
    """How often leavers whose time is over are looked at again, for points that came in since: a refund, say."""
    webhook_events_keep_days: int = Field(default=30, ge=4, le=3650)
    """How long organisations can have sent again what they were told. Webhooks are tried for over three days."""

    @property
    def shared_listens(self) -> tuple[str, ...]:
        """The addresses that workers share."""
        return (self.listen, self.scim_listen) if self.scim_listen else (self.listen,)

    @property
    def ledger_timeout(self) -> timedelta:
        """`ledger_timeout_s`."""
        return timedelta(seconds=self.ledger_timeout_s)

    @property
    def webhook_events_keep(self) -> timedelta:
        """`webhook_events_keep_days`."""
        return timedelta(days=self.webhook_events_keep_days)

    @property
    def leaver_look(self) -> timedelta:
        """`leaver_look_s`."""
        return timedelta(seconds=self.leaver_look_s)

    @property
    def lease(self) -> timedelta:
        """`lease_s`."""
        return timedelta(seconds=self.lease_s)

    @model_validator(mode="after")
    def _leases_outlast_calls(self) -> Self:
        if self.lease_s <= self.ledger_timeout_s:
            raise ValueError("GUERDON_LEASE_S must be longer than GUERDON_LEDGER_TIMEOUT_S")
        return self
