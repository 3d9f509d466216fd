"""Migrations against a real server: once, in order, by one migrator at a time, never over an altered past."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from guerdon_kit.postgres import migrate
from guerdon_kit.postgres.provision import ServiceDatabase, connected

ACCOUNTS = 'create table accounts (id int primary key); grant select on accounts to :"runtime_role";'


class Package:
    """A service's package with migrations, on the import path."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self.migrations = folder / "migrations"
        self.migrations.mkdir(parents=True)
        (folder / "__init__.py").touch()

    def write(self, name: str, sql: str) -> None:
        (self.migrations / name).write_text(sql)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Package:
    name = f"migrated_{abs(hash(request.node.name))}"
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return Package(tmp_path / name)


async def apply(database: ServiceDatabase, package: Package) -> list[str]:
    return await migrate.apply(database.owner_url, package.name, database.runtime_role)


async def test_the_kits_come_first_and_each_is_applied_once(empty_database: ServiceDatabase, package: Package) -> None:
    package.write("0001_accounts.sql", ACCOUNTS)
    first = await apply(empty_database, package)
    assert first == [
        *map(str, migrate.read_migrations(migrate.KIT)),
        f"{package.name} 0001_accounts",
    ]
    package.write("0002_more.sql", "alter table accounts add more text;")
    assert await apply(empty_database, package) == [f"{package.name} 0002_more"]
    assert await apply(empty_database, package) == []


async def test_the_runtime_role_gets_what_is_granted_and_owns_nothing(
    empty_database: ServiceDatabase, package: Package
) -> None:
    package.write("0001_accounts.sql", ACCOUNTS)
    await apply(empty_database, package)
    async with connected(empty_database.runtime_url) as runtime:
        assert await runtime.fetchval("select count(*) from accounts") == 0
        for forbidden in (
            "insert into accounts values (1)",
            "drop table accounts",
            "create table mine ()",
            "update requests set outcome = ''",
            "update outbox set data = '{}'",
            "delete from relay_positions",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(forbidden)


async def test_an_altered_migration_is_refused(empty_database: ServiceDatabase, package: Package) -> None:
    package.write("0001_accounts.sql", ACCOUNTS)
    await apply(empty_database, package)
    package.write("0001_accounts.sql", ACCOUNTS + " -- a harmless comment")
    with pytest.raises(migrate.MigrationRefused, match="1 was altered"):
        await apply(empty_database, package)


async def test_a_missing_migration_is_refused(empty_database: ServiceDatabase, package: Package) -> None:
    package.write("0001_accounts.sql", ACCOUNTS)
    await apply(empty_database, package)
    (package.migrations / "0001_accounts.sql").unlink()
    with pytest.raises(migrate.MigrationRefused, match="1 was applied"):
        await apply(empty_database, package)


async def test_one_that_fails_leaves_nothing_behind(empty_database: ServiceDatabase, package: Package) -> None:
    package.write("0001_accounts.sql", ACCOUNTS)
    package.write("0002_broken.sql", "create table half (); select 1/0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await apply(empty_database, package)
    async with connected(empty_database.owner_url) as owner:
        assert await owner.fetchval("select to_regclass('half')") is None
    package.write("0002_broken.sql", "create table whole ();")
    assert await apply(empty_database, package) == [f"{package.name} 0002_broken"]


async def test_of_two_migrators_at_once_one_waits(empty_database: ServiceDatabase, package: Package) -> None:
    package.write("0001_accounts.sql", ACCOUNTS)
    results = await asyncio.gather(*(apply(empty_database, package) for _ in range(3)))
    assert sorted(len(applied) for applied in results) == [0, 0, max(len(applied) for applied in results)]


@pytest.mark.parametrize("name", ["1_accounts.sql", "0002_accounts.sql", "0001_Accounts.sql"])
def test_names_and_numbers_show_the_order(package: Package, name: str) -> None:
    package.write(name, ACCOUNTS)
    with pytest.raises(migrate.MigrationRefused):
        migrate.read_migrations(package.name)
