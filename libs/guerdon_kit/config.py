"""The settings that every service has. A service's `config.py` adds its own."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from guerdon_kit.clock import Clock, MovableClock, SystemClock

KEEPALIVE_S, KEEPALIVE_WITHIN_S = 60, 20
"""How often a quiet connection is asked whether it is still there, and how long it may take to say so."""
CONNECTION_AGE_S, CONNECTION_GRACE_S = 30 * 60, 60
"""After how long a connection takes no more calls, so that callers spread anew, and how long its last ones may take."""


class ServiceSettings(BaseSettings):
    """Read from the environment, each field as `GUERDON_` and its name in capitals.

    With GUERDON_SECRETS_DIR set, what the environment does not have is looked for in the files of that folder, named
    alike: so that a URL with a password need not be in an environment that others can list.

    Raises:
        pydantic.ValidationError: a value is malformed, or a development setting is used outside development.
    """

    model_config = SettingsConfigDict(
        env_prefix="GUERDON_", extra="ignore", frozen=True, secrets_dir=os.environ.get("GUERDON_SECRETS_DIR")
    )

    postgres_plans: ClassVar[str] = "auto"
    """PostgreSQL's `plan_cache_mode` for the service's statements; how these are written says which, no operator."""

    env: Literal["development", "production"] = "production"
    """`development` allows the development issuer and a moved clock, and binds to loopback only."""

    database_url: SecretStr = SecretStr("")
    """The service's own database, as its runtime role."""
    redis_cache_url: SecretStr = SecretStr("")
    """The Redis that may be flushed at any moment."""
    redis_events_url: SecretStr = SecretStr("")
    """The Redis that carries events: AOF on, noeviction."""
    pool_size: int = Field(default=8, ge=4, le=100)
    """Connections to PostgreSQL that one worker may hold."""

    server: Literal["grpc", "envoy"] = "grpc"
    """What takes the calls: `grpc`, grpc's own server for Python, or `envoy`, an Envoy that the process becomes and
    that runs the service inside itself: calls cost less, and batches more. That is for Linux, and needs Python's shared
    library (Debian: `libpython3.11` for Python 3.11)."""
    listen: str = "127.0.0.1:7000"
    """`host:port` that the gRPC server listens on."""
    metrics_listen: str = ""
    """`host:port` for Prometheus, an internal address; each further worker takes the next port. Empty: off."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that share the port."""
    reflection: bool = False
    """Whether callers with a valid token may read the contracts from the server."""
    max_concurrent: int = Field(default=2000, ge=1)
    """Calls that one worker serves at once; more are refused as overload."""
    max_concurrent_per_connection: int = Field(default=256, ge=1)
    """Calls that one connection may have under way at once, streams among them, and none is refused. Of more, some wait
    at the caller or are refused as UNAVAILABLE by grpc itself, which costs the worker next to nothing."""
    max_message_bytes: int = Field(default=8 * 1024 * 1024, ge=1024)
    """The largest request."""
    default_deadline_s: int = Field(default=10, ge=1)
    """The deadline of a call that brings none."""
    max_deadline_s: int = Field(default=60, ge=1)
    """The longest deadline of a call; a stream has thirty times as long."""
    shutdown_grace_s: int = Field(default=5, ge=0)
    """How long calls under way may go on after a stop was asked for."""

    issuers_file: Path | None = None
    """JSON: the issuers whose tokens are accepted, with their ceilings. See `guerdon_kit.auth.issuers`."""
    signing_key_file: Path | None = None
    """This service's private key (PEM), for its calls to other services."""

    tls_cert_file: Path | None = None
    """The server's certificate chain (PEM). Absent: plaintext, which needs `allow_plaintext` outside development."""
    tls_key_file: Path | None = None
    """The server's private key (PEM)."""
    tls_client_ca_file: Path | None = None
    """Where set, clients must present a certificate that this authority signed: mutual TLS."""
    tls_ca_file: Path | None = None
    """Where set, calls to other services use TLS and trust this authority; the server's own certificate, if any, is
    presented to them. Absent: plaintext, likewise.
    """
    allow_plaintext: bool = False
    """Plaintext outside development, where the network itself encrypts."""

    clock_file: Path | None = None
    """Development only: a file with the seconds by which the clock is moved."""
    log_format: Literal["json", "pretty"] = "json"
    """One JSON object a line, or lines for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least level that is written."""
    otlp_endpoint: str = ""
    """Where traces go. Empty: no traces."""

    requests_keep_days: int = Field(default=30, ge=1, le=3650)
    """How long a request that is sent again is answered as the first time."""
    events_keep_days: int = Field(default=7, ge=1, le=365)
    """How long a published event is kept for a stream that lost its data."""

    ledger_target: str = "127.0.0.1:7001"
    """Where the ledger listens."""
    membership_target: str = "127.0.0.1:7002"
    """Where membership listens, for services that give cash for points. Empty: there is none, and nothing is locked."""

    @property
    def development(self) -> bool:
        """Whether this is a development process."""
        return self.env == "development"

    @property
    def shared_listens(self) -> tuple[str, ...]:
        """The addresses that workers share."""
        return (self.listen,)

    def clock(self) -> Clock:
        """The clock that this process goes by."""
        return MovableClock(self.clock_file) if self.clock_file is not None else SystemClock()

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        # Half of a setting must not end as plaintext.
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("GUERDON_TLS_CERT_FILE and GUERDON_TLS_KEY_FILE are set together or not at all")
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("GUERDON_TLS_CLIENT_CA_FILE needs GUERDON_TLS_CERT_FILE")
        return self

    @model_validator(mode="after")
    def _development_stays_at_home(self) -> Self:
        if self.development:
            if not all(map(_is_loopback, filter(None, (*self.shared_listens, self.metrics_listen)))):
                raise ValueError("GUERDON_ENV=development binds to loopback only")
            return self
        if self.clock_file is not None:
            raise ValueError("GUERDON_CLOCK_FILE is for GUERDON_ENV=development only")
        if self.tls_cert_file is None and not self.allow_plaintext:
            raise ValueError("set GUERDON_TLS_CERT_FILE and GUERDON_TLS_KEY_FILE, or GUERDON_ALLOW_PLAINTEXT=true")
        return self


def _is_loopback(listen: str) -> bool:
    host = listen.rpartition(":")[0].strip("[]")
    return host == "localhost" or ip_address(host).is_loopback
