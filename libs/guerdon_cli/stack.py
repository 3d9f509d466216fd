"""Everything at once: servers, databases, keys and all services, for the commands and for end-to-end tests.

with Stack(Path(".guerdon")) as stack:
    ledger = stack.targets["ledger"]
    token = stack.identity.token()
    stack.services["ledger"].kill()
    stack.services["ledger"].start()
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from guerdon_kit.auth.development import DevelopmentIdentity, write_development_keys
from guerdon_kit.embedded import EmbeddedServers, Endpoints, resolve_endpoints
from guerdon_kit.launch.databases import in_own_loop, prepare_databases
from guerdon_kit.launch.ports import LOOPBACK, free_ports, is_free
from guerdon_kit.launch.services import service_environment, service_plan
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.processes import Plan, ServerProcess, start_all, stop_all
from guerdon_kit.secret_store import FolderSecrets

WATCH_INTERVAL_S = 0.2
LOG_TAIL_LINES = 15


@dataclass(frozen=True)
class ServiceKind:
    """A service of this project."""

    name: str
    """Its package."""
    port: int
    """Where it listens in development unless told otherwise."""
    setting: str
    """What other services call it in their settings: `rewards` for GUERDON_REWARDS_TARGET."""
    listens: Mapping[str, int] = field(default_factory=dict)
    """Where else it listens in development, by the setting without the prefix."""


LEDGER = ServiceKind("ledger", 7001, "ledger")
RECOGNITION = ServiceKind("recognition", 7005, "recognition", {"scim_listen": 7006})
SERVICES = (
    LEDGER,
    ServiceKind("membership", 7002, "membership"),
    ServiceKind("rewards_catalog", 7003, "rewards"),
    ServiceKind("partner_exchange", 7004, "exchange"),
    RECOGNITION,
)


def for_each(**settings: str) -> dict[str, Mapping[str, str]]:
    """The same settings for each service."""
    return {kind.name: settings for kind in SERVICES}


class StackError(Exception):
    """The services cannot run, or no longer do; the text says why."""


class Stack:
    """The services as separate processes over embedded or given servers. They end with this process, however
    it ends.

    `folder` keeps data, keys, secrets and logs. `any_ports` takes free ports instead of 7001 to 7006, so
    that several stacks run beside each other. `settings` has further settings by service, by name without
    the prefix. `environment` is where the URLs of given servers are looked up. `process` makes the services'
    processes, not started.
    """

    def __init__(
        self,
        folder: Path,
        *,
        services: tuple[ServiceKind, ...] = SERVICES,
        any_ports: bool = False,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        environment: Mapping[str, str] = os.environ,
        process: Callable[[Plan], ServerProcess] = ServerProcess,
    ) -> None:
        self.folder = folder.absolute()
        self.clock_file = self.folder / "clock"
        """Seconds by which every service's clock is moved (`guerdon_kit.clock.set_offset`)."""
        self.targets: dict[str, str] = {}
        """`host:port` by service."""
        self.listens: dict[str, dict[str, str]] = {}
        """`host:port` by service and setting, of what else listens."""
        self.services: dict[str, ServerProcess] = {}
        self.databases: dict[str, ServiceDatabase] = {}
        self.embedded: EmbeddedServers | None = None
        """The servers that are ours to kill and restart; None when all were given."""
        self._kinds = services
        self._any_ports = any_ports
        self._settings = settings or {}
        self._environment = environment
        self._process = process
        self._open = contextlib.ExitStack()
        self._endpoints: Endpoints | None = None
        self._identity: DevelopmentIdentity | None = None

    @property
    def endpoints(self) -> Endpoints:
        """Where PostgreSQL and the Redis servers are."""
        assert self._endpoints is not None, "the stack has not been started"
        return self._endpoints

    @property
    def identity(self) -> DevelopmentIdentity:
        """Makes tokens that the services accept."""
        assert self._identity is not None, "the stack has not been started"
        return self._identity

    def start(self, report: Callable[[str], None] = lambda _step: None) -> None:
        """Start everything and wait until every service serves; `report` is told each step.

        Raises StackError, EmbeddedError, ProcessFailed, MigrationRefused; nothing is left running then.
        """
        try:
            self._choose_ports()
            report("starting PostgreSQL and Redis")
            resolved = self._open.enter_context(resolve_endpoints(self.folder, self._environment))
            self._endpoints, self.embedded = resolved.endpoints, resolved.embedded
            self._identity = write_development_keys(self.folder / "keys")
            report("bringing the databases up to date")
            names = [kind.name for kind in self._kinds]
            secrets = FolderSecrets(self.folder / "secrets")
            prepared = in_own_loop(prepare_databases(self.endpoints.postgres_url, names, secrets))
            self.databases = {name: database for name, (database, _) in prepared.items()}
            report("starting the services")
            self._start_services()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the services, then the servers."""
        self._open.close()
        self.services = {}

    def fallen(self) -> str | None:
        """What to say about a service or server that has ended by itself; None while all run."""
        servers = {} if self.embedded is None else self.embedded.processes
        for name, process in {**servers, **self.services}.items():
            if not process.running:
                tail = "\n".join(process.said().splitlines()[-LOG_TAIL_LINES:])
                return f"{name} has ended by itself ({process.plan.log}):\n{tail}"
        return None

    def watch(self) -> None:
        """Return never: raise StackError as soon as a service or server ends by itself."""
        pause = threading.Event()
        while (text := self.fallen()) is None:
            pause.wait(WATCH_INTERVAL_S)
        raise StackError(text)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _choose_ports(self) -> None:
        usual = [port for kind in self._kinds for port in (kind.port, *kind.listens.values())]
        ports = iter(free_ports(len(usual)) if self._any_ports else usual)
        for kind in self._kinds:
            self.targets[kind.name] = self._address(kind, next(ports))
            self.listens[kind.name] = {setting: self._address(kind, next(ports)) for setting in kind.listens}

    def _address(self, kind: ServiceKind, port: int) -> str:
        if not is_free(port):
            raise StackError(f"port {port} of {kind.name} is in use: is another `guerdon up` running?")
        return f"{LOOPBACK}:{port}"

    def _start_services(self) -> None:
        logs = self.folder / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        targets = {kind.setting: self.targets[kind.name] for kind in self._kinds}
        for kind in self._kinds:
            environment = service_environment(
                kind.name,
                listen=self.targets[kind.name],
                database=self.databases[kind.name],
                endpoints=self.endpoints,
                identity=self.identity,
                targets=targets,
                clock_file=self.clock_file,
                settings={**self.listens[kind.name], **self._settings.get(kind.name, {})},
            )
            plan = service_plan(kind.name, environment, log=logs / f"{kind.name}.log", lock=logs / f"{kind.name}.lock")
            self.services[kind.name] = self._process(plan)
        started = list(self.services.values())
        self._open.callback(stop_all, started)
        start_all(started)
