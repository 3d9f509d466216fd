"""The settings of a service that sends webhooks, beside what every service is told."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from guerdon_kit.config import ServiceSettings


class WebhookSettings(ServiceSettings):
    """What signs webhooks, and where they may go."""

    webhook_keys_file: Path | None = None
    """JSON: the keys that webhook secrets are sealed with, see `guerdon_kit.sealing`. In development it is made at
    first start, by default beside the service's signing key."""
    webhook_timeout_s: int = Field(default=10, ge=1, le=30)
    """How long an endpoint may take to answer a webhook."""
    private_webhooks: bool = False
    """Whether webhook endpoints may be within a private network, and without TLS, as they may in development."""

    def keys_file(self) -> Path:
        """Where the keys of webhook secrets are."""
        if self.webhook_keys_file is not None:
            return self.webhook_keys_file
        assert self.signing_key_file is not None, "GUERDON_SIGNING_KEY_FILE is needed to call the ledger"
        return self.signing_key_file.with_name("webhooks.json")

    @model_validator(mode="after")
    def _production_names_its_keys(self) -> Self:
        if not self.development and self.webhook_keys_file is None:
            raise ValueError("GUERDON_WEBHOOK_KEYS_FILE is needed outside development")
        return self
