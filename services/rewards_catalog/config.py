"""The catalog's own settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """What the rewards catalog is told beside what every service is."""

    listen: str = "127.0.0.1:7003"
    """`host:port` that the gRPC server listens on."""
    exchange_target: str = "127.0.0.1:7004"
    """Where partner exchange listens, which is called for partner transfers only."""
    code_keys_file: Path | None = None
    """JSON: the keys of voucher codes, see `rewards_catalog.store.code_keys`. In development it is made at first
    start, by default beside the service's signing key."""
    hold_minutes: int = Field(default=10, ge=1, le=1440)
    """How long a redemption may hold points before it is given up."""
    payment_minutes: int = Field(default=15, ge=1, le=1440)
    """How long a redemption that costs money too may wait for it, with its points and its piece set aside."""
    lease_s: int = Field(default=5, ge=1, le=600)
    """After so many seconds without progress a redemption is taken up by the recovery loop."""
    code_prefix: str = Field(default="GDN", pattern="^[A-Z0-9]{2,8}$")
    """What the codes begin with that the service makes. Codes that begin so must have a right check character, imported
    ones too: set it before the first import, and to what no code from elsewhere begins with."""
    code_length: int = Field(default=14, ge=10, le=32)
    """How many random characters such a code has, of 20 different ones. 14 are enough for pools of 211,000,000 codes,
    12 for 500,000, 10 for 1,300. May be changed at any time."""
    voucher_undo_minutes: int = Field(default=30, ge=1, le=10_080)
    """How long a till may undo what it did with a voucher."""
    voucher_lookups_per_minute: int = Field(default=600, ge=1, le=1_000_000)
    """For how many codes a caller may look in a minute: those of `ValidateVoucher`, and unknown ones of
    `RedeemVoucher`."""
    provider_timeout_s: int = Field(default=5, ge=1, le=10)
    """How long a fulfilment provider may take to answer an order before it is asked again later."""
    private_providers: bool = False
    """Whether fulfilment providers may be within a private network, and without TLS, as they may in development."""

    @property
    def undo_time(self) -> timedelta:
        """`voucher_undo_minutes`."""
        return timedelta(minutes=self.voucher_undo_minutes)

    @property
    def hold_time(self) -> timedelta:
        """`hold_minutes`."""
        return timedelta(minutes=self.hold_minutes)

    @property
    def payment_time(self) -> timedelta:
        """`payment_minutes`."""
        return timedelta(minutes=self.payment_minutes)

    @property
    def lease(self) -> timedelta:
        """`lease_s`."""
        return timedelta(seconds=self.lease_s)

    def keys_file(self) -> Path:
        """Where the keys of voucher codes are."""
        if self.code_keys_file is not None:
            return self.code_keys_file
        assert self.signing_key_file is not None, "GUERDON_SIGNING_KEY_FILE is needed to call the ledger"
        return self.signing_key_file.with_name("codes.json")

    @model_validator(mode="after")
    def _production_names_its_keys(self) -> Self:
        if not self.development and self.code_keys_file is None:
            raise ValueError("GUERDON_CODE_KEYS_FILE is needed outside development")
        return self
