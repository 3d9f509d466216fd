"""Pytest fixtures over real servers.

The servers are embedded and thrown away at the end of the session, or those of the GUERDON_*_URL variables,
on which the tests make databases and roles of their own and flush the Redis databases 1 to 15.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from guerdon_kit.auth.development import DevelopmentIdentity, write_development_keys
from guerdon_kit.embedded import EmbeddedServers, Endpoints, Resolved, resolve_endpoints
from guerdon_kit.postgres.provision import ServiceDatabase
from guerdon_kit.testing.databases import REDIS_DATABASES, DatabaseFactory, emptied_redis
from guerdon_kit.testing.services import ServiceFactory


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that an unprivileged user may enter, which pytest's own are not when root runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="guerdon-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def resolved_servers(server_folder: Path) -> Iterator[Resolved]:
    """The session's servers, given or embedded. Crash tests make their own EmbeddedServers."""
    with resolve_endpoints(server_folder, os.environ) as resolved:
        yield resolved
    if resolved.embedded is not None:
        resolved.embedded.remove_data()


@pytest.fixture(scope="session")
def endpoints(resolved_servers: Resolved) -> Endpoints:
    """Where the session's servers are."""
    return resolved_servers.endpoints


@dataclass
class OwnServers:
    """Makes embedded servers for one test, which may kill them."""

    folder: Path
    _made: list[EmbeddedServers] = field(default_factory=list)

    def __call__(self) -> EmbeddedServers:
        """New servers on new data, not started."""
        servers = EmbeddedServers(self.folder / f"own-{len(self._made)}")
        self._made.append(servers)
        return servers

    def remove(self) -> None:
        """Stop them and delete their data."""
        for servers in self._made:
            servers.stop()
            servers.remove_data()


@pytest.fixture
def own_servers() -> Iterator[OwnServers]:
    """For crash tests: embedded servers of the test's own."""
    folder = Path(tempfile.mkdtemp(prefix="guerdon-crash-"))
    folder.chmod(0o755)
    made = OwnServers(folder)
    yield made
    made.remove()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def databases(endpoints: Endpoints) -> Iterator[DatabaseFactory]:
    """Makes databases that live until the end of the session, unless they are dropped before."""
    factory = DatabaseFactory(endpoints.postgres_url)
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


_redis_databases = itertools.cycle(REDIS_DATABASES)


@pytest.fixture
def fresh_endpoints(endpoints: Endpoints) -> Endpoints:
    """The session's servers, with an empty database of each Redis."""
    return emptied_redis(endpoints, next(_redis_databases))


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIdentity:
    """Keys of the services and of a development issuer, and a maker of tokens."""
    return write_development_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def services(tmp_path: Path, fresh_endpoints: Endpoints, identity: DevelopmentIdentity) -> Iterator[ServiceFactory]:
    """Starts services for one test."""
    factory = ServiceFactory(tmp_path, fresh_endpoints, identity)
    yield factory
    factory.stop()


@pytest.fixture(scope="module")
def module_services(
    tmp_path_factory: pytest.TempPathFactory, endpoints: Endpoints, identity: DevelopmentIdentity
) -> Iterator[ServiceFactory]:
    """Starts services for all tests of a module."""
    factory = ServiceFactory(tmp_path_factory.mktemp("services"), endpoints, identity)
    yield factory
    factory.stop()
