"""Forward-only migrations: numbered SQL files, each applied once, in a transaction, by the owner role."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from guerdon_kit.postgres.database import Connection

KIT = "guerdon_kit.postgres"
"""The package whose migrations come first in every service's database."""

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_ADVISORY_KEY = 0x6775_6572_646F_6E00  # "guerdon": one migrator at a time in a database
_LOCK_TIMEOUT = "10s"

_CREATE_LOG = """
create table if not exists schema_migrations (
    origin text not null,
    number int not null,
    name text not null,
    digest text not null,
    apply_time timestamptz not null default now(),
    primary key (origin, number)
)"""


class MigrationRefused(Exception):
    """The database's history and the files do not agree; a person has to look."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `0002_holds.sql` of `origin` has the number 2 and the name `holds`."""

    origin: str
    number: int
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.origin} {self.number:04}_{self.name}"

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, before the role's name is filled in."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(package: str) -> list[Migration]:
    """The files in the `migrations` folder of `package`, by number.

    Raises:
        MigrationRefused: a name is malformed, or the numbers do not run 1, 2, 3, …
    """
    found = []
    for file in resources.files(package).joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise MigrationRefused(f"{package}: {file.name} is not named like 0001_what_it_does.sql")
        found.append(Migration(package, int(match[1]), match[2], file.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationRefused(f"{package}: the numbers of the migrations do not run 1, 2, 3, …")
    return found


def pending(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """The migrations of one origin that are still to be applied; `applied` maps numbers to digests.

    Raises:
        MigrationRefused: an applied one was altered or is missing, or the database is of a later release.
    """
    digests = {migration.number: migration.digest for migration in known}
    for number, digest in sorted(applied.items()):
        if number not in digests:
            raise MigrationRefused(f"migration {number} was applied, but its file is missing")
        if digests[number] != digest:
            raise MigrationRefused(f"migration {number} was altered after it was applied")
    return [migration for migration in known if migration.number not in applied]


async def apply(owner_url: str, package: str, runtime_role: str) -> list[str]:
    """Brings a service's database up to date: the kit's migrations, then those of `package`.

    In the SQL, `:"runtime_role"` stands for the quoted name of the role that serves. Two migrators at once:
    one waits for the other. Answers what it applied, such as `ledger 0001_accounts`.

    Raises:
        MigrationRefused: a file was altered or lost after it was applied; nothing is applied then.
    """
    origins = {origin: read_migrations(origin) for origin in (KIT, package)}
    connection: Connection = await asyncpg.connect(
        owner_url, timeout=10, server_settings={"application_name": "guerdon-migrate", "timezone": "UTC"}
    )
    try:
        # Held by the session and freed with it. It protects no data, so it may be an advisory one.
        await connection.execute("select pg_advisory_lock($1)", _ADVISORY_KEY, timeout=600)
        await connection.execute(_CREATE_LOG)
        todo: list[Migration] = []
        for origin, migrations in origins.items():
            todo += pending(migrations, await _applied(connection, origin))
        for migration in todo:
            await _apply_one(connection, migration, runtime_role)
        return [str(migration) for migration in todo]
    finally:
        await connection.close()


async def _applied(connection: Connection, origin: str) -> dict[int, str]:
    rows = await connection.fetch("select number, digest from schema_migrations where origin = $1", origin)
    return {row["number"]: row["digest"] for row in rows}


async def _apply_one(connection: Connection, migration: Migration, runtime_role: str) -> None:
    quoted = '"' + runtime_role.replace('"', '""') + '"'
    async with connection.transaction():
        # A migration that waits for a busy table holds up everybody behind it: rather fail and try later.
        await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
        await connection.execute(migration.sql.replace(':"runtime_role"', quoted))
        await connection.execute(
            "insert into schema_migrations (origin, number, name, digest) values ($1, $2, $3, $4)",
            migration.origin,
            migration.number,
            migration.name,
            migration.digest,
        )
