"""The ledger's settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from guerdon_kit.config import ServiceSettings


class Settings(ServiceSettings):
    """Those of every service, and the ledger's own."""

    postgres_plans: ClassVar[str] = "force_generic_plan"
    """One plan for each statement, whatever it is asked for: by index, as statements look up what they name. For the
    thousand ids at hand PostgreSQL would at times rather read all of a table, and would plan anew each time.
    """
    listen: str = "127.0.0.1:7001"
    """`host:port` that the gRPC server listens on."""
    ledger_shards: int = Field(default=4, ge=1, le=10_000)
    """How many shards new programs are spread over. A program keeps the shard it got when it was made."""
    ledger_batch_max: int = Field(default=1000, ge=1, le=10_000)
    """The most postings that one batch commits."""
    ledger_queue_max: int = Field(default=20_000, ge=1)
    """The most postings that wait in one worker; more are refused as overload."""
    ledger_watched_max: int = Field(default=10_000, ge=1)
    """The most accounts that the `WatchBalances` calls of one worker watch together; more are refused as overload."""
    ledger_sweep_every_s: float = Field(default=1.0, gt=0)
    """How often the sweeper looks for what the clock has done."""
    ledger_checkpoint_every_s: float = Field(default=5.0, gt=0)
    """How often the system accounts' checkpoints move on."""
    ledger_seal_every_s: float = Field(default=30.0, gt=0)
    """How often what was recorded is sealed into the hash chain: how long a change made past the ledger can go unseen.
    Sealing takes PostgreSQL as long as half a posting does, whenever it is done."""
    requests_keep_days: int = Field(default=45, ge=1, le=3650)
    """How long a request that is sent again is answered as the first time. Longer than a month: a service that was away
    for one asks again with the same id."""
