"""A migrated database for each test, copied from a template that is migrated once."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import replace
from urllib.parse import urlencode, urlsplit, urlunsplit

import redis

from guerdon_kit.embedded import Endpoints
from guerdon_kit.launch.databases import in_own_loop
from guerdon_kit.postgres import migrate
from guerdon_kit.postgres.provision import ServiceDatabase, connected, provision
from guerdon_kit.secret_store import MemorySecrets

REDIS_DATABASES = range(1, 16)
"""The numbered databases of each Redis that tests and benchmarks use; people's data is in 0."""


def emptied_redis(endpoints: Endpoints, number: int) -> Endpoints:
    """The same servers, with the numbered database of each Redis, which is empty."""
    cache = _numbered(endpoints.redis_cache_url, number)
    events = _numbered(endpoints.redis_events_url, number)
    for url in (cache, events):
        with redis.Redis.from_url(url) as client:
            client.flushdb()
    return replace(endpoints, redis_cache_url=cache, redis_events_url=events)


def _numbered(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(query=urlencode({"db": number})))
    return urlunsplit(parts._replace(path=f"/{number}"))


def _of(url: str, database: str) -> str:
    """The same login, to another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


class DatabaseFactory:
    """Makes databases on one server. Plain functions, for tests and fixtures of any kind and scope."""

    def __init__(self, admin_url: str, *, in_memory: bool = False) -> None:
        """`in_memory`: where the server's data is, and a file costs nothing that is copied whole and not logged."""
        self.admin_url = admin_url
        self._strategy = "FILE_COPY" if in_memory else "WAL_LOG"
        # Several test runs may share a server that was given to them.
        self._prefix = f"t{secrets.token_hex(4)}"
        self._secrets = MemorySecrets()
        self._numbers = itertools.count(1)
        self._templates: dict[str, ServiceDatabase] = {}
        self._made: dict[str, ServiceDatabase] = {}

    def make(self, service: str, *, migrated: bool = True) -> ServiceDatabase:
        """A new database with the owner and runtime roles of `service`, and its migrations unless told
        otherwise.
        """
        name = f"{self._prefix}_{service}_{next(self._numbers)}"
        if migrated:
            database = in_own_loop(self._copy(self._template(service), name))
        else:
            database = in_own_loop(provision(self.admin_url, service, self._secrets, self._prefix, database=name))
        self._made[name] = database
        return database

    def drop(self, database: ServiceDatabase) -> None:
        """Drop a database; whoever is connected to it is thrown out."""
        in_own_loop(self._execute(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)'))
        del self._made[database.name]

    def drop_all(self) -> None:
        """Drop everything that was made, roles included."""
        for database in [*self._made.values()]:
            self.drop(database)
        for database in self._templates.values():
            in_own_loop(self._execute(f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)'))
            for role in (database.owner_role, database.runtime_role):
                in_own_loop(self._execute(f'DROP ROLE IF EXISTS "{role}"'))
        self._templates.clear()

    def _template(self, service: str) -> ServiceDatabase:
        if service not in self._templates:
            database = in_own_loop(provision(self.admin_url, service, self._secrets, self._prefix))
            self._templates[service] = database
            in_own_loop(migrate.apply(database.owner_url, service, database.runtime_role))
        return self._templates[service]

    async def _copy(self, template: ServiceDatabase, name: str) -> ServiceDatabase:
        """As `provision` with that template, of which the roles are as they should be."""
        async with connected(self.admin_url) as admin:
            await admin.execute(
                f'CREATE DATABASE "{name}" OWNER "{template.owner_role}" TEMPLATE "{template.name}"'
                f" STRATEGY {self._strategy}"
            )
            await admin.execute(
                f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;'
                f' GRANT CONNECT ON DATABASE "{name}" TO "{template.runtime_role}"'
            )
        owner_url, runtime_url = (_of(url, name) for url in (template.owner_url, template.runtime_url))
        return replace(template, name=name, owner_url=owner_url, runtime_url=runtime_url)

    async def _execute(self, statement: str) -> None:
        async with connected(self.admin_url) as admin:
            await admin.execute(statement)
