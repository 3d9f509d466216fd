"""A database of its own for each service, with a role that owns it and a role that serves.

The owner migrates; the runtime role may connect and has otherwise what the migrations grant. Nobody else may
connect. Run by an administrator, who need not be a superuser: CREATEROLE and CREATEDB suffice.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
import secrets as random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from guerdon_kit.secret_store import Secrets

_NAME = re.compile(r"[a-z][a-z0-9_]{0,50}")
_PROVISION_LOCK = 0x6775_6572_646F_6E01  # "guerdon" 1: one provisioner at a time on a server
_TIMEOUT_S = 60.0
_SCRAM_ITERATIONS = 4096  # PostgreSQL's own default


@dataclass(frozen=True)
class ServiceDatabase:
    """Where a service keeps its records. The URLs carry passwords."""

    name: str
    owner_url: str
    runtime_url: str
    owner_role: str
    runtime_role: str


async def provision(
    admin_url: str,
    service: str,
    secrets: Secrets,
    prefix: str = "guerdon",
    *,
    database: str | None = None,
    template: str = "template0",
) -> ServiceDatabase:
    """Make the roles and the database of `service`, or bring them to what they should be; may be run again
    any time.

    `database` names another database than `<prefix>_<service>` for the same roles, and `template` what a new
    one is copied from: tests copy a migrated one. Raises ValueError on a bad name, and asyncpg's errors.
    """
    base = _checked(f"{prefix}_{service}")
    owner, runtime, name = f"{base}_owner", base, _checked(database or base)
    passwords = {role: secrets.get(role) for role in (owner, runtime)}
    async with connected(admin_url) as admin:
        await admin.execute("SELECT pg_advisory_lock($1)", _PROVISION_LOCK)
        for role, password in passwords.items():
            await _make_role(admin, role, password)
        await _make_database(admin, name, owner, runtime, template)
    return ServiceDatabase(
        name=name,
        owner_url=with_login(admin_url, owner, passwords[owner], name),
        runtime_url=with_login(admin_url, runtime, passwords[runtime], name),
        owner_role=owner,
        runtime_role=runtime,
    )


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for a few statements."""
    connection = await asyncpg.connect(url, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)
    try:
        yield connection
    finally:
        await connection.close()


def with_login(url: str, user: str, password: str, database: str) -> str:
    """The same server as in `url`, for another user and database."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit((parts.scheme, f"{login}@{server}", f"/{quote(database, safe='')}", parts.query, ""))


async def _make_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"
    known = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    if not known:
        await admin.execute(f'CREATE ROLE "{role}" {rights}')
    # The verifier and not the password: a server may log its statements.
    await admin.execute(f"ALTER ROLE \"{role}\" PASSWORD '{scram_verifier(password)}'")


async def _make_database(admin: asyncpg.Connection, name: str, owner: str, runtime: str, template: str) -> None:
    superuser = await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not superuser:
        await admin.execute(f'GRANT "{owner}" TO CURRENT_USER')
    known = await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
    if not known:
        await admin.execute(
            f'CREATE DATABASE "{name}" OWNER "{owner}" TEMPLATE "{_checked(template)}" ENCODING \'UTF8\''
        )
    await admin.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
    await admin.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{runtime}"')


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores for a password: SCRAM-SHA-256 of RFC 7677, in the format of `pg_authid`.

    Takes ASCII alone, for which the SASLprep of RFC 4013 is the identity. Raises ValueError otherwise.
    """
    if not password.isascii() or not password.isprintable():
        raise ValueError("a role's password is printable ASCII")
    salt = random.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _checked(name: str) -> str:
    """Names are put into statements as they are: only plain ones may be."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for a role or database: {name!r}")
    return name
