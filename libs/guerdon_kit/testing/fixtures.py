"""Pytest fixtures over real servers.

The servers are embedded and thrown away at the end of the session, or those of the GUERDON_*_URL variables,
on which the tests make databases and roles of their own and flush the Redis databases 1 to 15.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity, write_development_keys
from guerdon_kit.embedded import ENVIRONMENT, EmbeddedServers, Endpoints, Resolved, resolve_endpoints
from guerdon_kit.embedded.places import POINTER
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing.databases import REDIS_DATABASES, DatabaseFactory, emptied_redis
from guerdon_kit.testing.folders import data_folder, in_memory
from guerdon_kit.testing.fork_server import ForkServer
from guerdon_kit.testing.services import ServiceFactory


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Where the session's servers keep their data."""
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def resolved_servers(server_folder: Path) -> Iterator[Resolved]:
    """The session's servers, given or embedded. Crash tests make their own EmbeddedServers."""
    if "PYTEST_XDIST_WORKER" in os.environ and any(os.environ.get(url) for url in ENVIRONMENT.values()):
        pytest.exit("tests over given servers run in one process: two would flush each other's Redis databases", 2)
    with resolve_endpoints(server_folder, os.environ) as resolved:
        yield resolved
    if resolved.embedded is not None:
        resolved.embedded.remove_data()


@pytest.fixture(scope="session")
def endpoints(resolved_servers: Resolved) -> Endpoints:
    """Where the session's servers are."""
    return resolved_servers.endpoints


@dataclass(frozen=True)
class StoppedServers:
    """Servers on whose data nothing has happened yet: to copy it is several times faster than to make it anew."""

    folder: Path

    def copy_to(self, folder: Path) -> None:
        """Puts the data into `folder`, which need not exist; into none where servers keep their data elsewhere."""
        if not (self.folder / POINTER).exists():
            # Not shutil's: the servers' files belong to an account of their own.
            subprocess.run(["cp", "-a", f"{self.folder}/.", str(folder)], check=True)


@pytest.fixture(scope="session")
def stopped_servers() -> Iterator[StoppedServers]:
    """Data for embedded servers of a test's own."""
    with data_folder() as outer:
        with EmbeddedServers(outer / "data") as servers:
            pass
        yield StoppedServers(servers.folder)
        servers.remove_data()


@dataclass
class OwnServers:
    """Makes embedded servers for one test, which may kill them."""

    folder: Path
    stopped: StoppedServers
    _made: list[EmbeddedServers] = field(default_factory=list)

    def __call__(self) -> EmbeddedServers:
        """New servers on data of their own, not started."""
        servers = EmbeddedServers(self.folder / f"own-{len(self._made)}")
        self.stopped.copy_to(servers.folder)
        self._made.append(servers)
        return servers

    def remove(self) -> None:
        """Stop them and delete their data."""
        for servers in self._made:
            servers.stop()
            servers.remove_data()


@pytest.fixture
def own_servers(stopped_servers: StoppedServers) -> Iterator[OwnServers]:
    """For crash tests: embedded servers of the test's own."""
    with data_folder() as folder:
        made = OwnServers(folder, stopped_servers)
        yield made
        made.remove()


@pytest.fixture(scope="session")
def databases(resolved_servers: Resolved, server_folder: Path) -> Iterator[DatabaseFactory]:
    """Makes databases that live until the end of the session, unless they are dropped before."""
    ours = resolved_servers.embedded is not None
    factory = DatabaseFactory(resolved_servers.endpoints.postgres_url, in_memory=ours and in_memory(server_folder))
    yield factory
    factory.drop_all()


@pytest.fixture
def database(databases: DatabaseFactory) -> Iterator[Callable[[str], ServiceDatabase]]:
    """`database("ledger")` is a migrated database of the test's own."""
    made: list[ServiceDatabase] = []

    def make(service: str) -> ServiceDatabase:
        made.append(databases.make(service))
        return made[-1]

    yield make
    for one in made:
        databases.drop(one)


class RedisDatabases:
    """Gives out the numbered databases of both Redis servers, empty, and each to one user at a time: two ledgers would
    hold each other's cache for their own gone astray, and renew it for ever.
    """

    def __init__(self, endpoints: Endpoints, numbers: Iterable[int]) -> None:
        self._endpoints = endpoints
        self._free = deque(numbers)

    @contextlib.contextmanager
    def one(self) -> Iterator[Endpoints]:
        """The servers, with a database of each that nobody else is given meanwhile."""
        number = self._free.popleft()
        yield emptied_redis(self._endpoints, number)
        self._free.append(number)


@pytest.fixture(scope="session")
def redis_databases(endpoints: Endpoints) -> RedisDatabases:
    """`with redis_databases.one() as own` are the session's servers with an empty database of each Redis."""
    return RedisDatabases(endpoints, REDIS_DATABASES)


@pytest.fixture
def fresh_endpoints(redis_databases: RedisDatabases) -> Iterator[Endpoints]:
    """The session's servers, with an empty database of each Redis."""
    with redis_databases.one() as own:
        yield own


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIdentity:
    """Keys of the services and of a development issuer, and a maker of tokens."""
    return write_development_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """Starts services sooner than a program can be started."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def services(
    tmp_path: Path, fresh_endpoints: Endpoints, identity: DevelopmentIdentity, forks: ForkServer
) -> Iterator[ServiceFactory]:
    """Starts services for one test."""
    factory = ServiceFactory(tmp_path, fresh_endpoints, identity, forks=forks)
    yield factory
    factory.stop()


ManyServices = Callable[[str], contextlib.AbstractContextManager[ServiceFactory]]
"""Makes a factory of services, of which the folder that it is given has the name."""


@pytest.fixture(scope="session")
def many_services(
    tmp_path_factory: pytest.TempPathFactory,
    redis_databases: RedisDatabases,
    identity: DevelopmentIdentity,
    forks: ForkServer,
) -> ManyServices:
    """Makes service factories that last as long as their users like."""

    @contextlib.contextmanager
    def made(name: str) -> Iterator[ServiceFactory]:
        with redis_databases.one() as own:
            factory = ServiceFactory(tmp_path_factory.mktemp(name), own, identity, forks=forks)
            try:
                yield factory
            finally:
                factory.stop()

    return made


@pytest.fixture(scope="module")
def module_services(many_services: ManyServices) -> Iterator[ServiceFactory]:
    """Starts services for all tests of a module."""
    with many_services("services") as factory:
        yield factory
