"""Our own services as supervised processes, for the launcher and for tests."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.health import is_serving
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.processes import Plan

__all__ = ["STOP", "is_serving", "service_environment", "service_plan"]

# A service drains for `shutdown_grace_s` (5 by default) and then closes its pools.
STOP = ((signal.SIGTERM, 12.0), (signal.SIGKILL, 5.0))


def service_environment(
    service: str,
    *,
    listen: str,
    database: ServiceDatabase,
    endpoints: Endpoints,
    identity: DevelopmentIdentity,
    targets: Mapping[str, str],
    clock_file: Path | None,
    settings: Mapping[str, str],
) -> dict[str, str]:
    """The environment of a development service: ours, without any setting of ours, and with these.

    `targets` has the addresses of other services by their setting (`ledger` for GUERDON_LEDGER_TARGET);
    `settings` has further ones by name without the prefix, in lower or upper case, and goes before the
    others. Without a `clock_file` its clock is the machine's, as in production.
    """
    own = {
        "env": "development",
        "listen": listen,
        "database_url": database.runtime_url,
        "redis_cache_url": endpoints.redis_cache_url,
        "redis_events_url": endpoints.redis_events_url,
        "issuers_file": str(identity.issuers_file),
        "signing_key_file": str(identity.signing_key_file(service)),
        "reflection": "true",
        **({} if clock_file is None else {"clock_file": str(clock_file)}),
        **{f"{name}_target": target for name, target in targets.items()},
        **{name.lower(): value for name, value in settings.items()},
    }
    outer = {name: value for name, value in os.environ.items() if not name.upper().startswith("GUERDON_")}
    return outer | {f"GUERDON_{name.upper()}": value for name, value in own.items()}


def service_plan(service: str, environment: Mapping[str, str], *, log: Path, lock: Path) -> Plan:
    """How to run `python -m <service>`; it is ready when its health says SERVING."""
    target = environment["GUERDON_LISTEN"]
    return Plan(
        name=service,
        argv=(sys.executable, "-m", service),
        environment=environment,
        log=log,
        lock=lock,
        is_ready=lambda _pid: is_serving(target),
        stop=STOP,
        death_signal=signal.SIGTERM,
    )
