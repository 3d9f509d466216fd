"""Holds ledgers against the auditor for a long time, while servers are killed: `make soak MINUTES=10`.

Each process has servers of its own, and runs one seed after another, which it prints; `--seed` begins with that one.
Ends with 1 where a reply was not as predicted or a verification found something.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from guerdon_kit.auth.development import write_development_keys
from guerdon_kit.embedded import EmbeddedServers
from guerdon_kit.processes import ServerProcess
from guerdon_kit.testing import DatabaseFactory, RunningService, ServiceFactory
from tests.contract.ledger.world import World, findings
from tests.integration.ledger.connections import MovableTime
from tests.integration.ledger.model.drive.bench import Bench, open_bench
from tests.integration.ledger.model.machine import Ledger

SETTINGS = {"workers": "2", "ledger_sweep_every_s": "0.05", "ledger_checkpoint_every_s": "0.2"}
ROUND = settings(
    max_examples=5,
    stateful_step_count=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Place:
    """A ledger with servers of its own."""

    servers: EmbeddedServers
    service: RunningService
    world: World
    time: MovableTime

    def faults(self) -> dict[str, Callable[[], None]]:
        """What may happen between two requests."""

        def flush() -> None:
            with redis.Redis.from_url(self.servers.endpoints.redis_cache_url) as cache:
                cache.flushall()

        def killed(process: ServerProcess) -> Callable[[], None]:
            def kill() -> None:
                process.kill()
                process.start()

            return kill

        return {
            "flush the cache": flush,
            "kill the ledger": killed(self.service.process),
            "kill PostgreSQL": killed(self.servers.postgres),
            "kill the cache": killed(self.servers.cache),
            "kill the event bus": killed(self.servers.events),
        }


@contextmanager
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="guerdon-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedServers(folder / "servers") as servers:
            keys = folder / "keys"
            keys.mkdir()
            identity = write_development_keys(keys)
            factory = ServiceFactory(folder, servers.endpoints, identity)
            try:
                database = DatabaseFactory(servers.endpoints.postgres_url).make("ledger")
                service = factory.start("ledger", database, settings=SETTINGS)
                yield Place(servers, service, World(service.target, identity), MovableTime(factory.clock_file))
            finally:
                factory.stop()
        servers.remove_data()


def soak(minutes: float, seed: int) -> None:
    """One process: round after round, each verified."""
    until = time.monotonic() + minutes * 60
    with place() as here, closing(asyncio.new_event_loop()) as loop:
        bench: Bench = loop.run_until_complete(open_bench(here.world, here.time, swept=True))
        bench.faults = here.faults()
        Ledger.bench = bench
        while time.monotonic() < until:
            print(f"seed {seed}", flush=True)  # noqa: T201 - the command's own output
            run_state_machine_as_test(hypothesis.seed(seed)(Ledger), settings=ROUND)
            found = loop.run_until_complete(audited(here.world))
            assert found == [], found
            print(f"seed {seed}: {bench.steps} steps so far, verified", flush=True)  # noqa: T201 - as above
            seed = secrets.randbits(32)
        loop.run_until_complete(here.world.close())


async def audited(world: World) -> list[object]:
    """What a verification finds."""
    return list(await findings(world.client()))


def main() -> int:
    """So many processes at once; 1 where one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seed = options.seed or secrets.randbits(32)
    if options.processes == 1:
        soak(options.minutes, seed)
        return 0
    again = [sys.executable, "-m", "tests.integration.ledger.model.soak", "--processes", "1"]
    again += ["--minutes", str(options.minutes)]
    running = [subprocess.Popen([*again, "--seed", str(seed + n)]) for n in range(options.processes)]
    codes = [process.wait() for process in running]
    print("soak: OK" if not any(codes) else "soak: FAILED", flush=True)  # noqa: T201 - the command's own output
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
