"""What deploy/compose.yaml and tools/deployment.py give to a service is what it starts with in production."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import service_plan
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.processes import ServerProcess, start_all, stop_all

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = ("ledger", "membership", "rewards_catalog", "partner_exchange", "recognition")


def _environment(service: str, secrets: Path) -> dict[str, str]:
    """The service's environment in compose.yaml, with its mounted folders where they really lie."""
    described = COMPOSE["services"][service]
    mounts = {}
    for volume in described["volumes"]:
        source, target, _ = volume.split(":")
        mounts[target] = str(secrets / source.removeprefix("./secrets/"))
    environment = dict(described["environment"])
    for name, value in environment.items():
        for target, source in mounts.items():
            if value == target or value.startswith(f"{target}/"):
                environment[name] = source + value.removeprefix(target)
    listen, measured = (f"{LOOPBACK}:{port}" for port in free_ports(2))
    outer = {name: value for name, value in os.environ.items() if not name.startswith("GUERDON_")}
    return outer | environment | {"GUERDON_LISTEN": listen, "GUERDON_METRICS_LISTEN": measured}


def test_the_services_start_in_production_from_files_alone(
    tmp_path: Path, database: Callable[[str], ServiceDatabase], fresh_endpoints: Endpoints
) -> None:
    secrets = tmp_path / "secrets"
    subprocess.run([sys.executable, ROOT / "tools" / "deployment.py", secrets], check=True, capture_output=True)
    processes = []
    for service in SERVICES:
        # The session's servers, in place of those of compose.yaml.
        urls = {
            "guerdon_database_url": database(service).runtime_url,
            "guerdon_redis_cache_url": fresh_endpoints.redis_cache_url,
            "guerdon_redis_events_url": fresh_endpoints.redis_events_url,
        }
        for name, url in urls.items():
            (secrets / service / name).write_text(url)
        folder = tmp_path / service
        folder.mkdir()
        plan = service_plan(service, _environment(service, secrets), log=folder / "log", lock=folder / "lock")
        processes.append(ServerProcess(plan))
    target = processes[0].plan.environment["GUERDON_LISTEN"]
    check = [sys.executable, "-m", "guerdon_kit.launch.health", target]
    try:
        start_all(processes)  # returns when each says that it serves
        assert subprocess.run(check, check=False).returncode == 0
    finally:
        stop_all(processes)
    assert subprocess.run(check, check=False).returncode == 1
