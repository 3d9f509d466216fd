"""Each service has a database, an owner role and a runtime role, and sees nothing of the others."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from guerdon_kit.embedded import Endpoints
from guerdon_kit.postgres.provision import (
    ServiceDatabase,
    connected,
    provision,
    scram_verifier,
    with_login,
)
from guerdon_kit.secret_store import FolderSecrets, MemorySecrets, Secrets

PREFIX = "tprovision"


@pytest.fixture
async def secrets(endpoints: Endpoints) -> AsyncIterator[Secrets]:
    """Passwords; what was provisioned with the prefix is dropped at the end."""
    yield MemorySecrets()
    async with connected(endpoints.postgres_url) as admin:
        for row in await admin.fetch("SELECT datname FROM pg_database WHERE datname LIKE $1", PREFIX + "%"):
            await admin.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
        for row in await admin.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE $1", PREFIX + "%"):
            await admin.execute(f'DROP OWNED BY "{row["rolname"]}"')
            await admin.execute(f'DROP ROLE "{row["rolname"]}"')


async def make(endpoints: Endpoints, secrets: Secrets, service: str = "ledger") -> ServiceDatabase:
    return await provision(endpoints.postgres_url, service, secrets, PREFIX)


async def test_the_owner_makes_tables_and_the_runtime_role_may_only_connect(
    endpoints: Endpoints, secrets: Secrets
) -> None:
    database = await make(endpoints, secrets)
    async with connected(database.owner_url) as owner:
        await owner.execute("CREATE TABLE entries (n int)")
    async with connected(database.runtime_url) as runtime:
        assert await runtime.fetchval("SELECT current_user") == database.runtime_role
        for statement in ("CREATE TABLE mine (n int)", "CREATE SCHEMA mine", "CREATE TEMPORARY TABLE mine (n int)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute("SELECT * FROM entries")


async def test_neither_role_may_do_more_on_the_server(endpoints: Endpoints, secrets: Secrets) -> None:
    database = await make(endpoints, secrets)
    async with connected(endpoints.postgres_url) as admin:
        for role in (database.owner_role, database.runtime_role):
            row = await admin.fetchrow(
                "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles"
                " WHERE rolname = $1",
                role,
            )
            assert row is not None
            assert not any(row.values())


async def test_a_service_cannot_enter_the_database_of_another(endpoints: Endpoints, secrets: Secrets) -> None:
    ledger = await make(endpoints, secrets)
    membership = await make(endpoints, secrets, "membership")
    for role in (membership.runtime_role, membership.owner_role):
        url = with_login(endpoints.postgres_url, role, secrets.get(role), ledger.name)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(url)


async def test_it_may_be_repeated_and_keeps_data_and_passwords(endpoints: Endpoints, secrets: Secrets) -> None:
    first = await make(endpoints, secrets)
    async with connected(first.owner_url) as owner:
        await owner.execute("CREATE TABLE kept (n int)")
    assert await make(endpoints, secrets) == first
    async with connected(first.owner_url) as owner:
        assert await owner.fetchval("SELECT count(*) FROM kept") == 0


async def test_a_changed_password_is_brought_to_the_server(endpoints: Endpoints, secrets: Secrets) -> None:
    await make(endpoints, secrets)
    changed = await make(endpoints, MemorySecrets())
    async with connected(changed.runtime_url) as runtime:
        assert await runtime.fetchval("SELECT 1") == 1


async def test_an_administrator_without_superuser_rights_suffices(endpoints: Endpoints, secrets: Secrets) -> None:
    admin_role = f"{PREFIX}_admin"
    async with connected(endpoints.postgres_url) as admin:
        await admin.execute(f"CREATE ROLE \"{admin_role}\" LOGIN CREATEROLE CREATEDB PASSWORD 'plain'")
    url = with_login(endpoints.postgres_url, admin_role, "plain", "postgres")
    database = await provision(url, "ledger", secrets, PREFIX)
    assert await provision(url, "ledger", secrets, PREFIX) == database
    async with connected(database.owner_url) as owner:
        await owner.execute("CREATE TABLE entries (n int)")


@pytest.mark.parametrize("name", ["Ledger", 'x"; DROP', "", "led ger"])
async def test_only_plain_names_become_roles(endpoints: Endpoints, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        await provision(endpoints.postgres_url, "ledger", MemorySecrets(), PREFIX, database=name or "-")


def test_a_verifier_is_salted_and_takes_printable_ascii() -> None:
    assert scram_verifier("secret") != scram_verifier("secret")
    for password in ("höhle", "tab\t"):
        with pytest.raises(ValueError, match="ASCII"):
            scram_verifier(password)


def test_a_secret_is_made_once_even_when_many_ask_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: FolderSecrets(folder).get("one"), range(32)))
    assert len(answers) == 1
    assert [path.name for path in folder.iterdir()] == ["one"]
    assert stat.S_IMODE((folder / "one").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["../up", ".hidden", "a/b", ""])
def test_a_secret_is_named_like_a_plain_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name of a secret"):
        FolderSecrets(tmp_path).get(name)
