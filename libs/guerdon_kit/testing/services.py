"""Our services as processes of their own, as in production, for one test or many."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guerdon_kit.auth.development import DevelopmentIdentity
from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.ports import LOOPBACK, free_ports
from guerdon_kit.launch.services import service_environment, service_plan
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.processes import Plan, ServerProcess, stop_all
from guerdon_kit.testing.fork_server import ForkServer


@dataclass(frozen=True)
class RunningService:
    """A service that serves; `process` kills and restarts it on the same port and database."""

    name: str
    target: str
    database: ServiceDatabase
    process: ServerProcess


class ServiceFactory:
    """Starts services for one scope, by `forks` if given, and stops them at its end."""

    def __init__(
        self,
        folder: Path,
        endpoints: Endpoints,
        identity: DevelopmentIdentity,
        *,
        forks: ForkServer | None = None,
        clocks_move: bool = True,
    ) -> None:
        self._folder = folder
        self._clocks_move = clocks_move
        self._numbers = itertools.count(1)
        self._started: list[ServerProcess] = []
        self._forks = forks
        self.endpoints = endpoints
        self.identity = identity
        self.clock_file = folder / "clock"
        """Seconds by which the clock of every service started here is moved
        (`guerdon_kit.clock.set_offset`).
        """

    def start(
        self,
        service: str,
        database: ServiceDatabase,
        *,
        targets: Mapping[str, str] | None = None,
        settings: Mapping[str, str] | None = None,
        endpoints: Endpoints | None = None,
    ) -> RunningService:
        """Run `python -m <service>` on a free port and wait until it serves. Raises ProcessFailed.

        `targets` says where the services are that it calls, `settings` what else to set (`{"workers": "2"}`),
        `endpoints` other Redis servers than the usual ones.
        """
        [port] = free_ports(1)
        environment = service_environment(
            service,
            listen=f"{LOOPBACK}:{port}",
            database=database,
            endpoints=endpoints or self.endpoints,
            identity=self.identity,
            targets=targets or {},
            clock_file=self.clock_file if self._clocks_move else None,
            settings=settings or {},
        )
        number = next(self._numbers)
        plan = service_plan(
            service,
            environment,
            log=self._folder / f"{service}-{number}.log",
            lock=self._folder / f"{service}-{number}.lock",
        )
        process = self.process(plan)
        process.start()
        return RunningService(service, environment["GUERDON_LISTEN"], database, process)

    def process(self, plan: Plan) -> ServerProcess:
        """One more, not started, and stopped with the others."""
        process = self._forks.process(plan) if self._forks is not None else ServerProcess(plan)
        self._started.append(process)
        return process

    def stop(self) -> None:
        """Stop what runs."""
        stop_all(self._started)
        self._started.clear()
